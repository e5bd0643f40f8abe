/* tests of base/failpoint
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weir/failpoint.h"

/* How a child ends that sets `items` and passes ep_staged three times. */
static int child(const char *items)
{
    int status = 0;
    (void)fflush(NULL); /* else the child prints it again */
    pid_t pid = fork();
    if (pid == 0) {
        if (!weir_failpoint_set(items))
            _exit(77);
        for (int i = 0; i < 3; i++)
            (void)weir_failpoint_pass(WEIR_FP_ep_staged);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid);
    if (WIFSTOPPED(status)) {
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
    return status;
}

static void names_are_those_of_the_list(void **state)
{
    (void)state;
    CHECK_TEXT(weir_failpoint_names()[0], "tk_probe_seals");
    CHECK_TEXT(weir_failpoint_names()[WEIR_FP_ep_staged], "ep_staged");
    CHECK_TEXT(weir_failpoint_names()[WEIR_FP_COUNT - 1], "sd_final_seal");
}

static void nothing_happens_where_nothing_was_set(void **state)
{
    (void)state;
    CHECK(weir_failpoint_set(""));
    CHECK(!weir_failpoint_pass(WEIR_FP_ep_hint));
}

static void fail_acts_at_its_passing(void **state)
{
    (void)state;
    CHECK(weir_failpoint_set("ep_hint=2*fail; ep_staged=fail;"));
    CHECK(!weir_failpoint_pass(WEIR_FP_ep_hint));
    CHECK(weir_failpoint_pass(WEIR_FP_ep_hint));
    CHECK(!weir_failpoint_pass(WEIR_FP_ep_hint));
    CHECK(weir_failpoint_pass(WEIR_FP_ep_staged));
    CHECK(weir_failpoint_pass(WEIR_FP_ep_staged));
    CHECK(weir_failpoint_set("ep_hint=fail"));
    CHECK(weir_failpoint_pass(WEIR_FP_ep_hint));
    CHECK(weir_failpoint_set("ep_hint=off;ep_staged=off"));
    CHECK(!weir_failpoint_pass(WEIR_FP_ep_hint));
}

static void kill_stop_and_exit_end_the_process_so(void **state)
{
    (void)state;
    int status = child("ep_staged=3*kill");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = child("ep_staged=stop");
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    status = child("ep_staged=exit");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    status = child("ep_staged=4*kill");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = child("ep_staged=delay(1)");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void what_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "nosuch=kill",     "ep_hint",        "ep_hint=",         "ep_hint=bang",
        "ep_hint=0*kill",  "ep_hint=x*kill", "ep_hint=delay(x)", "ep_hint=delay(-1)",
        "ep_hint=delay(5", "ep_hint=delay",  "ep_hint=kill,x",   "=kill"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!weir_failpoint_set(bad[i]));
    CHECK(weir_failpoint_set("ep_hint=off"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_those_of_the_list),
        TEST(nothing_happens_where_nothing_was_set),
        TEST(fail_acts_at_its_passing),
        TEST(kill_stop_and_exit_end_the_process_so),
        TEST(what_is_not_understood_is_refused),
    };
    return RUN_TESTS(tests);
}
