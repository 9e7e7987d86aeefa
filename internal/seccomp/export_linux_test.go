package seccomp

var (
	Architectures = architectures
	FIONBIO       = fionbio
)
