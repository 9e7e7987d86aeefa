//go:build linux || (unix && experimental_unix)

package contender

import (
	"fmt"
	"os"

	"github.com/seed-5082a588/iomux"
)

type muxReceiver struct {
	*iomux.Mux
	senders []*os.File
}

// NewMux receives by m, which it closes, from so many tagged senders.
func NewMux(m *iomux.Mux, senders int) (Receiver, error) {
	r := &muxReceiver{Mux: m}
	for i := range senders {
		f, err := m.MakeTaggedSender(fmt.Sprint("sender ", i))
		if err != nil {
			closeAll(r.senders)
			m.Close()
			return nil, err
		}
		r.senders = append(r.senders, f)
	}
	return r, nil
}

func (r *muxReceiver) Senders() []*os.File { return r.senders }

func (r *muxReceiver) Receive(bytes int) error {
	for bytes > 0 {
		d, err := r.Read()
		if err != nil {
			return tooShort(err)
		}
		bytes -= len(d.Data)
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
