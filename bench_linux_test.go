package iomux_test

import (
	"os"
	"testing"

	"github.com/seed-5082a588/iomux/internal/bench/contender"
)

func init() {
	otherWays = append(otherWays,
		way{name: "PeekReceive", make: func(_ testing.TB, senders int) (contender.Receiver, error) { return contender.NewPeek(senders) }},
		twoSenders("Poll200Pipes", func() (contender.Receiver, error) { return contender.NewPollPipes(200) }))
}

// The system calls of BenchmarkSetUp, and nothing else.
func BenchmarkSetUpBare(b *testing.B) {
	for _, bare := range []struct {
		name string
		run  func() error
	}{
		{"New", func() error { return contender.BareDirectory(os.TempDir()) }},
		{"NewAbstract", contender.BareAbstract},
		{"NewPipe", contender.BarePipes},
	} {
		b.Run(bare.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bare.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
