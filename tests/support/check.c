/* tests/check: see check.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <ctype.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void check_true(bool is, const char *what, const char *file, int line)
{
    if (is)
        return;
    print_error("not so: %s\n", what);
    _fail(file, line);
}

void check_int(int64_t a, int64_t b, const char *what, const char *file, int line)
{
    if (a == b)
        return;
    print_error("%s is %" PRId64 ", not %" PRId64 "\n", what, a, b);
    _fail(file, line);
}

void check_u64(uint64_t a, uint64_t b, const char *what, const char *file, int line)
{
    if (a == b)
        return;
    print_error("%s is %" PRIu64 " (0x%" PRIx64 "), not %" PRIu64 " (0x%" PRIx64 ")\n",
                what, a, a, b, b);
    _fail(file, line);
}

static void show(weir_str text)
{
    if (text.at == NULL)
        print_error("  (null)");
    else
        print_error("  ");
    for (size_t i = 0; i < text.len && i < 4000; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (isprint(c) || c == '\n')
            print_error("%c", c);
        else
            print_error("\\x%02x", c);
    }
    print_error("\n");
}

void check_str(weir_str a, weir_str b, const char *what, const char *file, int line)
{
    if ((a.at == NULL) == (b.at == NULL) && weir_str_eq(a, b))
        return;
    print_error("%s is (%zu bytes)\n", what, a.len);
    show(a);
    print_error("not (%zu bytes)\n", b.len);
    show(b);
    _fail(file, line);
}

void check_code(weir_code is, weir_code want, const weir_err *err, const char *what,
                const char *file, int line)
{
    if (is == want && (is == WEIR_OK || err == NULL || err->code == is))
        return;
    print_error("%s gives %s, not %s\n", what, weir_code_name(is), weir_code_name(want));
    if (is != WEIR_OK && err != NULL)
        print_error("  %s (%s) at %s\n", err->msg, err->hint, err->where);
    _fail(file, line);
}

void check_holds(const char *text, const char *part, const char *file, int line)
{
    if (text != NULL && strstr(text, part) != NULL)
        return;
    print_error("'%s' is not in: %s\n", part, text != NULL ? text : "(null)");
    _fail(file, line);
}

/* True in a child with silent stderr; the parent waits for it and wants SIGABRT. */
bool check_in_child(const char *file, int line)
{
    int   status = 0;
    pid_t pid;
    (void)fflush(NULL); /* else the child prints it again */
    pid = fork();
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none); /* a core would only be slow */
        (void)signal(SIGABRT, SIG_DFL);      /* cmocka catches signals */
        (void)close(STDERR_FILENO);
        return true;
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGABRT) {
        print_error("it did not abort (status %d)\n", status);
        _fail(file, line);
    }
    return false;
}

_Noreturn void check_child_lived(void)
{
    _exit(0);
}
