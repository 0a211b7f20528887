/*
 * vmm-worker/seal_calls.h - every system call that a sealed thread may make, and why
 *
 * SEAL_CALL(kinds, call, why) allows it whatever its arguments; SEAL_CALL_IF adds a
 * condition: argument number `arg`, under `mask`, is `value`. Calls that only build the
 * machine are made before the seal and are not here.
 */
/* clang-format off */

/* Running and waiting. */
SEAL_CALL_IF(SEAL_BOTH, ioctl, 1, 0xff00, KVMIO << 8, "KVM: run a vCPU, its state, interrupts, clock")
SEAL_CALL(SEAL_BOTH, futex, "locks of devices and of the run state")
SEAL_CALL(SEAL_BOTH, rt_sigreturn, "return from the signal that kicks a vCPU out of KVM")
SEAL_CALL(SEAL_BOTH, rt_sigprocmask, "glibc, around the end of a thread and a kick")
SEAL_CALL(SEAL_BOTH, restart_syscall, "the kernel, after a stop by a debugger")
SEAL_CALL(SEAL_BOTH, getpid, "glibc, to send a kick")
SEAL_CALL(SEAL_BOTH, gettid, "glibc, to send a kick")
SEAL_CALL(SEAL_BOTH, tgkill, "the kick itself; no other process is in this namespace")
SEAL_CALL(SEAL_BOTH, sched_yield, "libuv, while it wakes the loop")
SEAL_CALL(SEAL_BOTH, clock_gettime, "where the host's clock cannot be read without a call")
SEAL_CALL(SEAL_BOTH, exit, "end of a thread")
SEAL_CALL(SEAL_BOTH, exit_group, "end of the worker")

/* Memory: never executable. */
SEAL_CALL_IF(SEAL_BOTH, mmap, 2, PROT_EXEC, 0, "allocations")
SEAL_CALL_IF(SEAL_BOTH, mprotect, 2, PROT_EXEC, 0, "allocations")
SEAL_CALL(SEAL_BOTH, munmap, "allocations, stacks of ended threads")
SEAL_CALL(SEAL_BOTH, mremap, "allocations")
SEAL_CALL(SEAL_BOTH, brk, "allocations")
SEAL_CALL(SEAL_BOTH, madvise, "guest memory and stacks given back")

/* Descriptors that are there. */
SEAL_CALL(SEAL_BOTH, write, "eventfds, last words, the report of a violation")
SEAL_CALL(SEAL_BOTH, read, "eventfds")
SEAL_CALL(SEAL_BOTH, close, "descriptors that came with a message")
SEAL_CALL(SEAL_CONTROL, pread64, "kernel and initrd again when the guest restarts")
SEAL_CALL(SEAL_CONTROL, lseek, "size of a module")
SEAL_CALL(SEAL_CONTROL, fstat, "size and kind of a file")
SEAL_CALL_IF(SEAL_CONTROL, newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH, "the same, as newer glibc spells it")
SEAL_CALL(SEAL_CONTROL, fcntl, "duplicate a descriptor for a message, set its flags")
SEAL_CALL_IF(SEAL_CONTROL, ioctl, 1, 0xffffffff, FIONBIO, "libuv makes a descriptor non-blocking")

/* The loop and the control socket. */
SEAL_CALL(SEAL_CONTROL, epoll_wait, "the loop")
SEAL_CALL(SEAL_CONTROL, epoll_pwait, "the loop")
SEAL_CALL(SEAL_CONTROL, epoll_ctl, "the loop")
SEAL_CALL(SEAL_CONTROL, poll, "libuv asks for one descriptor")
SEAL_CALL(SEAL_CONTROL, accept4, "a vxd that connects to the control socket")
SEAL_CALL(SEAL_CONTROL, getsockopt, "who it is")
SEAL_CALL(SEAL_CONTROL, getuid, "... and whether that is our own user")
SEAL_CALL(SEAL_CONTROL, recvmsg, "its calls")
SEAL_CALL(SEAL_CONTROL, sendmsg, "our answers, reports to the keeper")
/* clang-format on */
