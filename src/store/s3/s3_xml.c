/* s3/xml: the two XML documents that a store reads, through expat.
 *
 * Gives      s3_error_read, s3_list_read.
 * Always     1. depth, text and names are bounded; a document type, and with it every
 *               entity, is refused.
 *            2. items are handed out only of a document that was read to its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "s3.h"
#include "weir/limits.h"

enum { DEPTH_MAX = 16, TEXT_MAX = 4 * WEIR_KEY_BYTES_MAX };

typedef struct xml_read {
    XML_Parser parser;
    int        depth;
    bool       bad;
    char       root[64];
    char       text[TEXT_MAX]; /* of the innermost element */
    size_t     text_len;
    s3_error  *error; /* this one or the next is wanted */
    s3_page   *page;
    bool       hand_out; /* 2 */
    bool       url_encoded;
    bool       in_contents;
    char       key[TEXT_MAX];
    s3_item    item;
} xml_read;

static void stop(xml_read *read)
{
    read->bad = true;
    (void)XML_StopParser(read->parser, XML_FALSE); /* parse looks at `bad` too */
}

/* Names may come with a namespace prefix. */
static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

static void XMLCALL on_start(void *self, const char *name, const char **attribute)
{
    xml_read *read = self;
    (void)attribute; /* namespaces */
    if (++read->depth > DEPTH_MAX) {
        stop(read);
        return;
    }
    read->text_len = 0;
    if (read->depth == 1)
        (void)snprintf(read->root, sizeof read->root, "%s", local_name(name));
    if (read->depth == 2 && strcmp(local_name(name), "Contents") == 0) {
        read->in_contents = true;
        read->item = (s3_item){.size = 0};
    }
}

static void XMLCALL on_text(void *self, const char *text, int len)
{
    xml_read *read = self;
    if (read->text_len + (size_t)len >= sizeof read->text) {
        stop(read);
        return;
    }
    memcpy(read->text + read->text_len, text, (size_t)len);
    read->text_len += (size_t)len;
}

/* "2026-01-02T03:04:05.678Z"; 0: it is not one. */
static int64_t time_of(const char *text)
{
    int year, month, day, hour, minute, second;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute,
               &second) != 6)
        return 0;
    if (!weir_civil_valid(year, month, day) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60)
        return 0;
    weir_civil at = {.year = year,
                     .month = (uint8_t)month,
                     .day = (uint8_t)day,
                     .hour = (uint8_t)hour,
                     .minute = (uint8_t)minute,
                     .second = (uint8_t)second};
    return weir_civil_to_us(&at);
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The element's text into the key, decoded when the server encoded it. */
static void take_key(xml_read *read)
{
    size_t len = 0;
    for (size_t i = 0; i < read->text_len; i++) {
        char c = read->text[i];
        if (read->url_encoded && c == '+') {
            c = ' ';
        } else if (read->url_encoded && c == '%' && i + 2 < read->text_len) {
            int high = hex_of(read->text[i + 1]);
            int low = hex_of(read->text[i + 2]);
            if (high < 0 || low < 0) {
                stop(read);
                return;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        read->key[len++] = c;
    }
    weir_assert(len < sizeof read->key);
    read->item.key = (weir_str){read->key, len};
}

static void end_in_contents(xml_read *read, const char *name)
{
    if (strcmp(name, "Key") == 0) {
        take_key(read);
    } else if (strcmp(name, "Size") == 0) {
        if (!weir_str_to_u64((weir_str){read->text, read->text_len}, &read->item.size))
            stop(read);
    } else if (strcmp(name, "LastModified") == 0) {
        read->item.modified_us = time_of(read->text);
    } else if (strcmp(name, "Contents") == 0) {
        read->in_contents = false;
        if (read->hand_out && !read->page->each(read->page->self, &read->item))
            stop(read);
    }
}

static void end_in_page(xml_read *read, const char *name)
{
    if (read->in_contents)
        end_in_contents(read, name);
    else if (strcmp(name, "IsTruncated") == 0)
        read->page->truncated = strcmp(read->text, "true") == 0;
    else if (strcmp(name, "EncodingType") == 0)
        read->url_encoded = strcmp(read->text, "url") == 0;
}

static void end_in_error(xml_read *read, const char *name)
{
    if (strcmp(name, "Code") == 0)
        (void)snprintf(read->error->code, sizeof read->error->code, "%.63s", read->text);
    else if (strcmp(name, "Message") == 0)
        (void)snprintf(read->error->message, sizeof read->error->message, "%.159s",
                       read->text);
}

static void XMLCALL on_end(void *self, const char *name)
{
    xml_read *read = self;
    read->text[read->text_len] = '\0';
    if (read->page != NULL)
        end_in_page(read, local_name(name));
    else if (read->depth == 2)
        end_in_error(read, local_name(name));
    read->text_len = 0;
    read->depth--;
}

static void XMLCALL on_doctype(void *self, const char *name, const char *system,
                               const char *public_id, int internal)
{
    (void)name;
    (void)system;
    (void)public_id;
    (void)internal;
    stop(self); /* 1 */
}

static bool parse(xml_read *read, weir_str xml, const char *root)
{
    if (xml.len == 0 || xml.len > INT32_MAX)
        return false;
    read->parser = XML_ParserCreate("UTF-8");
    weir_assert(read->parser != NULL); /* only memory can lack */
    XML_SetUserData(read->parser, read);
    XML_SetElementHandler(read->parser, on_start, on_end);
    XML_SetCharacterDataHandler(read->parser, on_text);
    XML_SetStartDoctypeDeclHandler(read->parser, on_doctype);
    bool good = XML_Parse(read->parser, xml.at, (int)xml.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(read->parser);
    read->parser = NULL;
    /* cover: a parser that was stopped says that it is not good */
    return good && !read->bad && strcmp(read->root, root) == 0;
}

bool s3_error_read(weir_str xml, s3_error *out)
{
    memset(out, 0, sizeof *out);
    xml_read *read = weir_heap_new(1, sizeof *read);
    read->error = out;
    bool good = parse(read, xml, "Error");
    weir_heap_free(read);
    if (!good)
        memset(out, 0, sizeof *out);
    return good;
}

/* An encoding is told before or after the keys: what was found out is kept for the second
   reading, which hands out (2). */
bool s3_list_read(weir_str xml, s3_page *page)
{
    weir_assert(page->each != NULL);
    bool good = true;
    bool encoded = false;
    for (int pass = 0; good && pass < 2; pass++) {
        xml_read *read = weir_heap_new(1, sizeof *read);
        read->page = page;
        read->url_encoded = encoded;
        read->hand_out = pass == 1;
        page->truncated = false;
        good = parse(read, xml, "ListBucketResult");
        encoded = read->url_encoded;
        weir_heap_free(read);
    }
    return good;
}
