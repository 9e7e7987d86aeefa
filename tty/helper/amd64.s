# The helper for linux/amd64: a whole ELF file, so that neither a linker nor a
# C library has a say in its bytes. ./make.sh assembles it.
#
# Its descriptors are
#	0	the listener of the filter
#	1	the read end of a pipe, whose write end the supervisor holds
#	2	the file that it is, which has the id of the last question at idOffset
#
# It waits until the supervisor is gone. Then it answers every question by "make
# the call", first those that the supervisor may have taken but not answered,
# until nobody is left who could ask.

	.set	base, 0x400000
	.set	idOffset, 65536
	.set	takenIDs, 4096

	.set	sysPoll, 7
	.set	sysSigprocmask, 14
	.set	sysIoctl, 16
	.set	sysPread, 17
	.set	sysExit, 60
	.set	sysPrctl, 157
	.set	sysCloseRange, 436

	.set	prSetName, 15
	.set	pollIn, 1
	.set	einval, 22
	.set	notifRecv, 0xc0502100	# SECCOMP_IOCTL_NOTIF_RECV
	.set	notifSend, 0xc0182101	# SECCOMP_IOCTL_NOTIF_SEND
	.set	notifContinue, 1	# SECCOMP_USER_NOTIF_FLAG_CONTINUE

	.text
elf:
	.byte	0x7f, 'E', 'L', 'F', 2, 1, 1, 0
	.quad	0
	.short	2, 62			# ET_EXEC, EM_X86_64
	.long	1
	.quad	base + start - elf
	.quad	segments - elf, 0
	.long	0
	.short	64, 56, 2, 64, 0, 0
segments:
	.long	1, 5			# PT_LOAD, readable and executable
	.quad	0, base, base, end - elf, end - elf, 0x1000
	.long	0x6474e551, 6		# PT_GNU_STACK, not executable
	.quad	0, 0, 0, 0, 0, 16

# The stack below rsp holds
#	0	two struct pollfd; then a struct seccomp_notif_resp of 24 bytes
#	32	a struct seccomp_notif of 80 bytes, with room for what it may grow by
	.set	response, 0
	.set	question, 32
	.set	frame, 32 + 512

start:
	mov	$sysPrctl, %eax
	mov	$prSetName, %edi
	lea	name(%rip), %rsi
	syscall

	mov	$sysCloseRange, %eax	# what the supervisor has left open for its children
	mov	$3, %edi
	mov	$-1, %esi
	xor	%edx, %edx
	syscall

	sub	$frame, %rsp
	movq	$-1, (%rsp)		# every signal that can be blocked
	mov	$sysSigprocmask, %eax
	xor	%edi, %edi
	mov	%rsp, %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	syscall

wait:
	movq	$0, (%rsp)		# descriptor 0, no events but POLLHUP and POLLERR
	movq	$1, 8(%rsp)
	mov	$2, %esi
	call	poll
	cmpw	$0, 6(%rsp)
	jne	quit
	cmpw	$0, 14(%rsp)
	je	wait

	mov	$sysPread, %eax		# the id of the last question
	mov	$2, %edi
	mov	%rsp, %rsi
	mov	$8, %edx
	mov	$idOffset, %r10d
	syscall
	mov	(%rsp), %rbx
	mov	$takenIDs, %ebp
taken:
	call	continue
	inc	%rbx
	dec	%ebp
	jnz	taken

answer:
	movq	$0, (%rsp)
	movb	$pollIn, 4(%rsp)
	mov	$1, %esi
	call	poll
	movzwl	6(%rsp), %eax
	test	%eax, %eax
	jz	answer
	test	$pollIn, %al
	jz	quit

	lea	question(%rsp), %rdi	# zero, as the kernel wants it
	xor	%eax, %eax
	mov	$64, %ecx
	rep stosq
	mov	$sysIoctl, %eax
	xor	%edi, %edi
	mov	$notifRecv, %esi
	lea	question(%rsp), %rdx
	syscall
	cmp	$-einval, %rax		# there is no receiving: who asks must not wait
	je	quit
	test	%rax, %rax
	jnz	answer			# who asked is gone
	mov	question(%rsp), %rbx
	call	continue
	jmp	answer

quit:
	mov	$sysExit, %eax
	xor	%edi, %edi
	syscall

# poll waits for the esi descriptors of the frame, endlessly.
poll:
	mov	$sysPoll, %eax
	lea	8(%rsp), %rdi
	mov	$-1, %rdx
	syscall
	ret

# continue answers question rbx by "make the call". If nobody asks that, it
# does nothing.
continue:
	lea	8 + response(%rsp), %rdx
	mov	%rbx, (%rdx)
	movq	$0, 8(%rdx)
	movl	$0, 16(%rdx)
	movl	$notifContinue, 20(%rdx)
	mov	$sysIoctl, %eax
	xor	%edi, %edi
	mov	$notifSend, %esi
	syscall
	ret

name:
	.asciz	"iomux-tty"
end:
