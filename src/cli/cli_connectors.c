/* cli/connectors: `weir connectors`, and the page docs/connectors.md from the same tables.
 *
 * Gives      weir_cli_connectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "weir/metric.h"

static const char *const type_name[] = {
    [WEIR_OPT_TEXT] = "text", [WEIR_OPT_SECRET] = "secret", [WEIR_OPT_INT] = "integer",
    [WEIR_OPT_BYTES] = "bytes", [WEIR_OPT_DURATION] = "duration", [WEIR_OPT_BOOL] = "boolean",
    [WEIR_OPT_CHOICE] = "choice"};

static void print_option_text(const weir_option *option)
{
    printf("    %-26s %-9s", option->name, type_name[option->type]);
    if (option->choices)
        printf(" %s;", option->choices);
    if (option->fallback)
        printf(" default '%s';", option->fallback);
    if (option->required)
        printf(" required;");
    printf(" %s\n", option->help ? option->help : "");
}

/* A '|' would end the cell of a Markdown table. */
static void print_cell(const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void print_option_markdown(const weir_option *option)
{
    printf("| `%s` | ", option->name);
    print_cell(option->choices ? option->choices : type_name[option->type]);
    printf(" | ");
    if (option->required)
        printf("required");
    else if (option->fallback)
        printf("`%s`", option->fallback);
    printf(" | ");
    print_cell(option->help);
    printf(" |\n");
}

static void print_options(const weir_option *option, bool markdown)
{
    if (option == NULL || option->name == NULL)
        return;
    if (markdown)
        printf("| option | type | default | |\n|---|---|---|---|\n");
    for (; option->name; option++) {
        if (markdown)
            print_option_markdown(option);
        else
            print_option_text(option);
    }
    printf("\n");
}

static void print_kind(const char *role, const weir_catalog_kind *kind, bool markdown)
{
    printf(markdown ? "### %s `%s`\n\n%s.\n" : "%s %s: %s\n", role, kind->name,
           kind->summary);
    if (kind->formats)
        printf(markdown ? "Formats: `%s`.\n" : "    formats: %s\n", kind->formats);
    if (kind->promise)
        printf(markdown ? "Promise: %s.\n" : "    promise: %s\n", kind->promise);
    if (markdown)
        printf("\n");
    print_options(kind->options, markdown);
}

static void print_all(const weir_catalog *catalog, bool markdown)
{
    if (markdown)
        printf("# Connectors and formats\n\nPrinted by `weir connectors --format markdown`; "
               "a test fails when this page is stale.\n\n## Job settings (`SET name = "
               "'value'`)\n\n");
    else
        printf("job settings (SET name = 'value')\n");
    print_options(weir_job_options, markdown);
    printf(markdown ? "## Every source table\n\n" : "every source table\n");
    print_options(weir_source_options, markdown);
    printf(markdown ? "## Every sink table\n\n" : "every sink table\n");
    print_options(weir_sink_options, markdown);
    if (markdown)
        printf("## Connectors\n\n");
    for (size_t i = 0; i < catalog->connectors; i++)
        print_kind(catalog->connector[i].source ? "source" : "sink", &catalog->connector[i],
                   markdown);
    if (markdown)
        printf("## Formats\n\n");
    for (size_t i = 0; i < catalog->formats; i++)
        print_kind(catalog->format[i].source ? "input format" : "output format",
                   &catalog->format[i], markdown);
}

int weir_cli_connectors(int count, char **argument, const atomic_int *stop)
{
    (void)stop;
    cli_flags flags = {.arguments_most = 0};
    if (!cli_flags_read("connectors", count, argument, &flags))
        return WEIR_EXIT_USAGE;
    if (flags.help)
        return cli_help("connectors");
    if (flags.metrics) {
        weir_buf page = {0};
        weir_metric_page(&page);
        fwrite(page.at, 1, page.len, stdout);
        weir_buf_done(&page);
        return WEIR_EXIT_DONE;
    }
    bool markdown = flags.format && strcmp(flags.format, "markdown") == 0;
    if (flags.format && !markdown && strcmp(flags.format, "text") != 0) {
        fprintf(stderr, "weir connectors: --format is text or markdown, not '%s'\n",
                flags.format);
        return WEIR_EXIT_USAGE;
    }
    weir_arena *arena = weir_arena_new("catalog", 4096);
    print_all(cli_catalog(arena), markdown);
    weir_arena_free(arena);
    return WEIR_EXIT_DONE;
}
