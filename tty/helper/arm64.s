// The helper for linux/arm64. What it does is told in amd64.s.

	.set	base, 0x400000
	.set	idOffset, 65536
	.set	takenIDs, 4096

	.set	sysIoctl, 29
	.set	sysPread, 67
	.set	sysPpoll, 73
	.set	sysExit, 93
	.set	sysSigprocmask, 135
	.set	sysPrctl, 167
	.set	sysCloseRange, 436

	.set	prSetName, 15
	.set	pollIn, 1
	.set	einval, 22
	.set	notifRecv, 0xc0502100	// SECCOMP_IOCTL_NOTIF_RECV
	.set	notifSend, 0xc0182101	// SECCOMP_IOCTL_NOTIF_SEND
	.set	notifContinue, 1	// SECCOMP_USER_NOTIF_FLAG_CONTINUE

	.text
elf:
	.byte	0x7f, 'E', 'L', 'F', 2, 1, 1, 0
	.quad	0
	.short	2, 183			// ET_EXEC, EM_AARCH64
	.long	1
	.quad	base + start - elf
	.quad	segments - elf, 0
	.long	0
	.short	64, 56, 2, 64, 0, 0
segments:
	.long	1, 5			// PT_LOAD, readable and executable
	.quad	0, base, base, end - elf, end - elf, 0x10000
	.long	0x6474e551, 6		// PT_GNU_STACK, not executable
	.quad	0, 0, 0, 0, 0, 16

// The stack holds what it does on amd64.
	.set	question, 32
	.set	frame, 32 + 512

start:
	mov	x8, #sysPrctl
	mov	x0, #prSetName
	adr	x1, name
	svc	#0

	mov	x8, #sysCloseRange	// what the supervisor has left open for its children
	mov	x0, #3
	mov	w1, #-1
	mov	x2, #0
	svc	#0

	sub	sp, sp, #frame
	mov	x9, #-1			// every signal that can be blocked
	str	x9, [sp]
	mov	x8, #sysSigprocmask
	mov	x0, #0
	mov	x1, sp
	mov	x2, #0
	mov	x3, #8
	svc	#0

wait:
	mov	x9, #1			// descriptor 0, no events but POLLHUP and POLLERR
	stp	xzr, x9, [sp]
	mov	x1, #2
	bl	poll
	ldrh	w9, [sp, #6]
	cbnz	w9, quit
	ldrh	w9, [sp, #14]
	cbz	w9, wait

	mov	x8, #sysPread		// the id of the last question
	mov	x0, #2
	mov	x1, sp
	mov	x2, #8
	mov	x3, #idOffset
	svc	#0
	ldr	x19, [sp]
	mov	x20, #takenIDs
taken:
	bl	continue
	add	x19, x19, #1
	subs	x20, x20, #1
	b.ne	taken

answer:
	mov	x9, #pollIn << 32
	str	x9, [sp]
	mov	x1, #1
	bl	poll
	ldrh	w9, [sp, #6]
	cbz	w9, answer
	tbz	w9, #0, quit		// no pollIn

	add	x9, sp, #question	// zero, as the kernel wants it
	mov	x10, #32
clear:
	stp	xzr, xzr, [x9], #16
	subs	x10, x10, #1
	b.ne	clear
	mov	x8, #sysIoctl
	mov	x0, #0
	movz	w1, #notifRecv & 0xffff
	movk	w1, #notifRecv >> 16, lsl #16
	add	x2, sp, #question
	svc	#0
	cmn	x0, #einval		// there is no receiving: who asks must not wait
	b.eq	quit
	cbnz	x0, answer		// who asked is gone
	ldr	x19, [sp, #question]
	bl	continue
	b	answer

quit:
	mov	x8, #sysExit
	mov	x0, #0
	svc	#0

// poll waits for the x1 descriptors of the frame, endlessly.
poll:
	mov	x8, #sysPpoll
	mov	x0, sp
	mov	x2, #0
	mov	x3, #0
	mov	x4, #0
	svc	#0
	ret

// continue answers question x19 by "make the call". If nobody asks that, it
// does nothing.
continue:
	stp	x19, xzr, [sp]
	mov	x9, #notifContinue << 32
	str	x9, [sp, #16]
	mov	x8, #sysIoctl
	mov	x0, #0
	movz	w1, #notifSend & 0xffff
	movk	w1, #notifSend >> 16, lsl #16
	mov	x2, sp
	svc	#0
	ret

name:
	.asciz	"iomux-tty"
end:
