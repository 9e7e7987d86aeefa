//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"io"
	"os/exec"
	"testing"

	"github.com/seed-5082a588/iomux"
)

// The test of the Rust crate io-mux: a shell that writes alternately to both
// streams, and a sender that tells when it is done.
func TestOriginal(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		out := must(m.MakeTaggedSender("out"))
		errs := must(m.MakeTaggedSender("err"))
		done := must(m.MakeTaggedSender("done"))
		cmd := exec.Command("sh", "-c", "echo out1 && echo err1 1>&2 && echo out2 && echo err2 1>&2")
		cmd.Stdout, cmd.Stderr = out, errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out.Close()
		errs.Close()
		waited := make(chan error)
		go func() {
			err := cmd.Wait()
			done.Write([]byte("done"))
			done.Close()
			waited <- err
		}()
		for _, want := range []struct{ tag, data string }{
			{"out", "out1\n"}, {"err", "err1\n"}, {"out", "out2\n"}, {"err", "err2\n"}, {"done", "done"},
		} {
			d, err := m.Read()
			if err != nil || d.Tag != want.tag || string(d.Data) != want.data {
				t.Fatalf("got %q %q, %v, want %q", d.Tag, d.Data, err, want)
			}
		}
		if err := <-waited; err != nil {
			t.Error(err)
		}
		if d, err := m.Read(); err != io.EOF {
			t.Errorf("at the end: %q, %v", d.Data, err)
		}
	})
}
