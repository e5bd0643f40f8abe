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
    CHECK_TEXT(weir_failpoint_names()[WEIR_FP_COUNT - 1], "cred_refresh");
    CHECK(weir_failpoint_class_of(WEIR_FP_ep_staged) == WEIR_FPC_STEP);
    CHECK(weir_failpoint_class_of(WEIR_FP_ep_put_manifest) == WEIR_FPC_NEW);
}

static void nothing_happens_where_nothing_was_set(void **state)
{
    (void)state;
    CHECK(weir_failpoint_set(""));
    CHECK(!weir_failpoint_pass(WEIR_FP_gen_is_full));
}

/* What the next ten passings give, as a number of ten decimal digits. */
static uint64_t ten_passings(const char *items)
{
    uint64_t digits = 0;
    CHECK(weir_failpoint_set(items));
    for (int i = 0; i < 10; i++)
        digits = digits * 10 + weir_failpoint_pass(WEIR_FP_gen_is_full);
    return digits;
}

static void terms_follow_one_another(void **state)
{
    (void)state;
    CHECK_INT(ten_passings("gen_is_full=yes"), 1111111111);
    CHECK_INT(ten_passings("gen_is_full=3*yes"), 1110000000);
    CHECK_INT(ten_passings("gen_is_full=2*off->yes"), 11111111);
    CHECK_INT(ten_passings(" gen_is_full = 2*off -> 1*yes -> 3*off -> 2*yes ;"), 10001100);
    CHECK_INT(ten_passings("gen_is_full=off"), 0);
    CHECK_INT(ten_passings("gen_is_full=0%yes"), 0);
}

static void chances_are_those_of_the_seed(void **state)
{
    (void)state;
    uint64_t first = ten_passings("seed=5;gen_is_full=50%yes");
    CHECK(first != 0);
    CHECK(first != 1111111111);
    CHECK_INT(ten_passings("seed=5;gen_is_full=50%yes"), first);
    CHECK(ten_passings("seed=99;gen_is_full=50%yes") != first);
    /* a chance that did not come is not one of the acts that are counted */
    CHECK_INT(ten_passings("seed=5;gen_is_full=50%1*yes->off") % 9, 1);
    CHECK(weir_failpoint_set("gen_is_full=off"));
}

/* Of one external call behind a failpoint. */
static weir_code call(const char *items, weir_code given, weir_err *err)
{
    CHECK(weir_failpoint_set(items));
    (void)weir_failpoint_pass(WEIR_FP_ep_put_manifest);
    weir_fault fault = weir_fault_begin(WEIR_FPC_NEW);
    weir_code  rc;
    weir_err_clear(err);
    return weir_fault_instead(&fault, &rc, err) ? rc
                                                : weir_fault_behind(&fault, given, err);
}

static void next_call_has_the_outcome_that_was_asked_for(void **state)
{
    weir_err err;
    (void)state;
    CHECK_INT(call("ep_put_manifest=off", WEIR_OK, &err), WEIR_OK);
    CHECK_INT(call("ep_put_manifest=return(retry)", WEIR_OK, &err), WEIR_E_REMOTE);
    CHECK_INT(err.fate, WEIR_FATE_RETRY);
    CHECK_INT(call("ep_put_manifest=return(halt)", WEIR_OK, &err), WEIR_E_REMOTE);
    CHECK_INT(err.fate, WEIR_FATE_HALT);
    CHECK_INT(call("ep_put_manifest=return(refused)", WEIR_OK, &err), WEIR_E_REMOTE);
    CHECK_INT(err.fate, WEIR_FATE_SKIP_RECORD);
    CHECK_INT(call("ep_put_manifest=return(unknown)", WEIR_OK, &err), WEIR_E_UNKNOWN);
    CHECK_INT(call("ep_put_manifest=lost", WEIR_OK, &err), WEIR_E_UNKNOWN);
    CHECK_INT(call("ep_put_manifest=lost", WEIR_E_IO, &err), WEIR_E_IO);
    CHECK(weir_failpoint_set("ep_put_manifest=off"));
}

static void outcome_is_for_the_next_call_only(void **state)
{
    (void)state;
    CHECK(weir_failpoint_set("ep_put_manifest=1*lost;ep_hint=off"));
    (void)weir_failpoint_pass(WEIR_FP_ep_put_manifest);
    CHECK_INT(weir_fault_begin(WEIR_FPC_NEW).what, WEIR_FAULT_LOST);
    CHECK_INT(weir_fault_begin(WEIR_FPC_NEW).what, WEIR_FAULT_NONE);
    CHECK(weir_failpoint_set("ep_put_manifest=1*lost"));
    (void)weir_failpoint_pass(WEIR_FP_ep_put_manifest);
    (void)weir_failpoint_pass(WEIR_FP_gen_is_full); /* a choice calls nothing */
    CHECK_INT(weir_fault_begin(WEIR_FPC_NEW).what, WEIR_FAULT_LOST);
    CHECK(weir_failpoint_set("ep_put_manifest=1*lost"));
    (void)weir_failpoint_pass(WEIR_FP_ep_put_manifest);
    (void)weir_failpoint_pass(WEIR_FP_ep_hint);
    CHECK_INT(weir_fault_begin(WEIR_FPC_NEW).what, WEIR_FAULT_NONE);
}

static void files_cannot_grow_while_the_disk_is_full(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK(weir_failpoint_set("ep_put_manifest=1*full"));
    (void)weir_failpoint_pass(WEIR_FP_ep_put_manifest);
    weir_fault fault = weir_fault_begin(WEIR_FPC_NEW);
    CHECK(weir_failpoint_full());
    CHECK_INT(write(fileno(file), "x", 1), -1);
    weir_fault_end(&fault);
    CHECK(!weir_failpoint_full());
    CHECK_INT(write(fileno(file), "x", 1), 1);
    CHECK(fclose(file) == 0);
}

static void one_allocation_fails(void **state)
{
    (void)state;
    CHECK(weir_failpoint_set("ep_staged=1*nomem"));
    (void)weir_failpoint_pass(WEIR_FP_ep_staged);
    CHECK(weir_failpoint_nomem());
    CHECK(!weir_failpoint_nomem());
}

static void kill_stop_and_exit_end_the_process_so(void **state)
{
    (void)state;
    int status = child("ep_staged=2*off->kill");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = child("ep_staged=stop");
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    status = child("ep_staged=exit");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    status = child("ep_staged=term");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    status = child("ep_staged=3*off->kill");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = child("ep_staged=kill(after)"); /* no call comes */
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = child("ep_staged=delay(1)");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void what_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "nosuch=kill",        "ep_hint",           "ep_hint=",          "ep_hint=bang",
        "ep_hint=0*kill",     "ep_hint=x*kill",    "ep_hint=delay(x)",  "ep_hint=delay(-1)",
        "ep_hint=delay(5",    "ep_hint=delay",     "ep_hint=kill,x",    "=kill",
        "ep_hint=101%kill",   "ep_hint=%kill",     "ep_hint=kill->",    "ep_hint=->kill",
        "ep_hint=return",     "ep_hint=return(x)", "ep_hint=kill(late)", "seed=x",
        "ep_hint=off->off->off->off->off->off->off->off->off"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!weir_failpoint_set(bad[i]));
    CHECK(weir_failpoint_set("ep_hint=off"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_those_of_the_list),
        TEST(nothing_happens_where_nothing_was_set),
        TEST(terms_follow_one_another),
        TEST(chances_are_those_of_the_seed),
        TEST(next_call_has_the_outcome_that_was_asked_for),
        TEST(outcome_is_for_the_next_call_only),
        TEST(files_cannot_grow_while_the_disk_is_full),
        TEST(one_allocation_fails),
        TEST(kill_stop_and_exit_end_the_process_so),
        TEST(what_is_not_understood_is_refused),
    };
    return RUN_TESTS(tests);
}
