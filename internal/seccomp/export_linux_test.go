package seccomp

import (
	"os/exec"
	"time"
)

var (
	Architecture = architecture
	FIONBIO      = fionbio
)

// Starters keeps its threads until End.
type Starters struct{ p starters }

func NewStarters() *Starters { return &Starters{starters{keepFor: time.Hour}} }

func (s *Starters) StartWaited(cmd *exec.Cmd, noNewPrivs bool) (wait func() error, err error) {
	return s.p.startWaited(cmd, noNewPrivs)
}

// Idle is how many threads wait for a command.
func (s *Starters) Idle() int {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return len(s.p.idle)
}

// End ends the threads that wait.
func (s *Starters) End() {
	s.p.mu.Lock()
	s.p.keepFor = 0
	s.p.mu.Unlock()
	s.p.sweep()
}
