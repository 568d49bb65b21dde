/* Network namespaces, see netns.h. */
#include "test/lib/netns.h"

#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>

/* Where the process began; 0 until another one is made. */
static int home;

static int open_own(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

int netns_new(void)
{
    if (home == 0)
        home = open_own();
    if (home < 0 || unshare(CLONE_NEWNET) != 0)
        return -1;
    int netns = open_own();
    netns_leave();
    return netns;
}

void netns_enter(int netns)
{
    if (netns > 0)
        ck_assert_msg(setns(netns, CLONE_NEWNET) == 0, "setns: %m");
}

void netns_leave(void)
{
    if (home > 0)
        ck_assert_msg(setns(home, CLONE_NEWNET) == 0, "setns: %m");
}
