package seccomp

var (
	Architecture = architecture
	FIONBIO      = fionbio
)
