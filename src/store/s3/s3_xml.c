/* s3/xml: the two XML documents that a store reads, streamed through expat.
 *
 * Gives      s3_error_read, s3_list_read.
 * Always     1. depth, text and entities are bounded; a document type is refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "s3.h"
#include "weir/limits.h"

#define XML_DEPTH_MAX 16
#define XML_TEXT_MAX 4096

typedef struct xml_read {
    XML_Parser parser;
    int        depth;
    bool       bad;
    char       root[64];
    char       text[XML_TEXT_MAX];
    size_t     text_len;
    s3_error  *error;
    s3_page   *page;
    char       key[WEIR_KEY_BYTES_MAX + 1];
    size_t     key_len;
    uint64_t   size;
    int64_t    modified_us;
    bool       in_contents;
} xml_read;

/* Names may come with a namespace prefix. */
static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static void XMLCALL on_start(void *self, const char *name, const char **attribute)
{
    xml_read *read = self;
    (void)attribute;
    if (++read->depth > XML_DEPTH_MAX) {
        read->bad = true;
        XML_StopParser(read->parser, XML_FALSE);
        return;
    }
    read->text_len = 0;
    if (read->depth == 1)
        (void)snprintf(read->root, sizeof read->root, "%s", local_name(name));
    if (strcmp(local_name(name), "Contents") == 0) {
        read->in_contents = true;
        read->key_len = 0;
        read->size = 0;
        read->modified_us = 0;
    }
}

static void XMLCALL on_text(void *self, const char *text, int len)
{
    xml_read *read = self;
    if (read->text_len + (size_t)len >= sizeof read->text) {
        read->bad = true;
        XML_StopParser(read->parser, XML_FALSE);
        return;
    }
    memcpy(read->text + read->text_len, text, (size_t)len);
    read->text_len += (size_t)len;
}

/* "2026-01-02T03:04:05.678Z" */
static int64_t time_of(const char *text)
{
    int year, month, day, hour, minute, second;
    if (sscanf(text, "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second) != 6)
        return 0;
    weir_civil at = {.year = year, .month = (uint8_t)month, .day = (uint8_t)day,
                     .hour = (uint8_t)hour, .minute = (uint8_t)minute,
                     .second = (uint8_t)second};
    return weir_civil_to_us(&at);
}

static void end_in_contents(xml_read *read, const char *name)
{
    if (strcmp(name, "Key") == 0 && read->text_len < sizeof read->key) {
        memcpy(read->key, read->text, read->text_len);
        read->key_len = read->text_len;
    } else if (strcmp(name, "Size") == 0) {
        uint64_t size = 0;
        if (weir_str_to_u64((weir_str){read->text, read->text_len}, &size))
            read->size = size;
    } else if (strcmp(name, "LastModified") == 0) {
        read->modified_us = time_of(read->text);
    } else if (strcmp(name, "Contents") == 0) {
        read->in_contents = false;
        read->page->each(read->page->self, (weir_str){read->key, read->key_len}, read->size,
                         read->modified_us);
    }
}

static void end_in_page(xml_read *read, const char *name)
{
    if (read->in_contents)
        end_in_contents(read, name);
    else if (strcmp(name, "IsTruncated") == 0)
        read->page->truncated = strcmp(read->text, "true") == 0;
    else if (strcmp(name, "NextContinuationToken") == 0)
        (void)snprintf(read->page->token, sizeof read->page->token, "%s", read->text);
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
    read->text[read->text_len] = 0;
    if (read->page)
        end_in_page(read, local_name(name));
    else
        end_in_error(read, local_name(name));
    read->text_len = 0;
    read->depth--;
}

static void XMLCALL on_doctype(void *self, const char *name, const char *system,
                               const char *public_id, int internal)
{
    xml_read *read = self;
    (void)name, (void)system, (void)public_id, (void)internal;
    read->bad = true;
    XML_StopParser(read->parser, XML_FALSE);
}

static bool parse(xml_read *read, weir_str xml, const char *root)
{
    if (xml.len == 0 || xml.len > INT32_MAX)
        return false;
    read->parser = XML_ParserCreate("UTF-8");
    weir_assert(read->parser != NULL);
    XML_SetUserData(read->parser, read);
    XML_SetElementHandler(read->parser, on_start, on_end);
    XML_SetCharacterDataHandler(read->parser, on_text);
    XML_SetStartDoctypeDeclHandler(read->parser, on_doctype);
    bool good = XML_Parse(read->parser, xml.at, (int)xml.len, 1) == XML_STATUS_OK;
    XML_ParserFree(read->parser);
    return good && !read->bad && strcmp(read->root, root) == 0;
}

bool s3_error_read(weir_str xml, s3_error *out)
{
    memset(out, 0, sizeof *out);
    xml_read read = {.error = out};
    return parse(&read, xml, "Error");
}

bool s3_list_read(weir_str xml, s3_page *page)
{
    page->truncated = false;
    page->token[0] = 0;
    xml_read read = {.page = page};
    return parse(&read, xml, "ListBucketResult");
}
