package capture_test

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/seed-5082a588/iomux/capture"
)

// What a short command costs by Output, beside CombinedOutput, in turns: "times" is
// the ratio of the sums, "median-times" that of the medians, which what else the
// machine does changes less. 2,000 of each:
// go test -run '^$' -bench CombinedOutput -benchtime 2000x ./capture
func BenchmarkAgainstCombinedOutput(b *testing.B) {
	needShell(b)
	var ours, theirs []time.Duration
	for i := range b.N {
		if i%2 == 0 {
			ours = append(ours, timeOutput(b))
		}
		theirs = append(theirs, timeCombinedOutput(b))
		if i%2 != 0 {
			ours = append(ours, timeOutput(b))
		}
	}
	b.ReportMetric(float64(sum(ours))/float64(b.N), "ns/Output")
	b.ReportMetric(float64(sum(theirs))/float64(b.N), "ns/CombinedOutput")
	b.ReportMetric(float64(sum(ours))/float64(sum(theirs)), "times")
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "median-times")
}

func timeOutput(b *testing.B) time.Duration {
	begin := time.Now()
	for _, err := range capture.Output(exec.Command("echo", "hi")) {
		if err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begin)
}

func timeCombinedOutput(b *testing.B) time.Duration {
	begin := time.Now()
	if _, err := exec.Command("echo", "hi").CombinedOutput(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

func sum(all []time.Duration) (s time.Duration) {
	for _, d := range all {
		s += d
	}
	return s
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
