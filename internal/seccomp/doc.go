// Package seccomp starts commands under filters of system calls, see seccomp(2).
// There is something in it on Linux only.
//
// [Build] makes a filter of rules, [OnThread] runs a function on a thread that
// does not outlive it, and there [Install] puts the filter before the command is
// started. [KeepBlocking] has the rules that keep the output of a command from
// being made nonblocking, and [Start] does all of that. [StartWaited] does it for a
// command that the caller waits for; those that come in quick succession share a
// thread.
package seccomp
