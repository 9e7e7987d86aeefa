package capture_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux/capture"
)

// What a short command costs by Output, beside CombinedOutput, in turns. 2,000 of
// each: go test -run '^$' -bench CombinedOutput -benchtime 2000x ./capture
func BenchmarkAgainstCombinedOutput(b *testing.B) {
	needShell(b)
	var ours, theirs time.Duration
	for range b.N {
		begin := time.Now()
		for _, err := range capture.Output(exec.Command("echo", "hi")) {
			if err != nil {
				b.Fatal(err)
			}
		}
		between := time.Now()
		if _, err := exec.Command("echo", "hi").CombinedOutput(); err != nil {
			b.Fatal(err)
		}
		ours += between.Sub(begin)
		theirs += time.Since(between)
	}
	b.ReportMetric(float64(ours)/float64(b.N), "ns/Output")
	b.ReportMetric(float64(theirs)/float64(b.N), "ns/CombinedOutput")
	b.ReportMetric(float64(ours)/float64(theirs), "times")
}
