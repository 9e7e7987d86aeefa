//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/seed-5082a588/iomux"
	"github.com/seed-5082a588/iomux/internal/muxtest"
)

func init() {
	children["passToken"] = passToken
}

// A model says what must come out of a Mux: a list of what was written.
type model struct {
	t       testing.TB
	k       kind
	m       *iomux.Mux
	senders []*modelSender // the open ones
	made    int
	queue   []modelPiece
	empty   int // writes of no bytes that may have a place in the queue
}

type modelSender struct {
	f      *os.File
	tag    string
	unread int // bytes
}

type modelPiece struct {
	from *modelSender
	data []byte
}

const (
	modelQueue = 10    // messages: no system has a shorter queue by default
	modelSize  = 12000 // bytes in the queue, from one sender: no buffer is smaller
	maxSenders = 12
)

// A modelOp is one thing that is done to a Mux and to its model.
const (
	opMake = iota
	opWrite
	opClose
	opRead
	opTryRead
	modelOps
)

// do does op, with x to choose the sender and the size by.
func (m *model) do(op byte, x uint16) {
	switch op % modelOps {
	case opMake:
		m.makeSender(x)
	case opWrite:
		m.write(x)
	case opClose:
		m.close(x)
	case opRead:
		m.read()
	case opTryRead:
		m.tryRead()
	}
}

func (m *model) makeSender(x uint16) {
	if len(m.senders) == maxSenders {
		m.close(x)
	}
	tag := []string{"", "a", "b", strconv.Itoa(m.made)}[x%4]
	f, err := m.m.MakeTaggedSender(tag)
	if err != nil {
		m.t.Fatal(err)
	}
	m.made++
	m.senders = append(m.senders, &modelSender{f: f, tag: tag})
}

func (m *model) write(x uint16) {
	if len(m.senders) == 0 {
		return
	}
	s := m.senders[int(x)%len(m.senders)]
	data := make([]byte, int(x)%(1<<(x%13)+1)) // up to 4096, mostly short
	for i := range data {
		data[i] = byte(int(x) + i + len(m.queue))
	}
	for !m.takes(s, len(data)) {
		m.read()
	}
	if _, err := s.f.Write(data); err != nil {
		m.t.Fatal(err)
	}
	if len(data) == 0 {
		m.empty++
		return
	}
	s.unread += len(data)
	m.queue = append(m.queue, modelPiece{s, data})
}

// takes tells whether a write of n bytes to s need not wait for a reader.
func (m *model) takes(s *modelSender, n int) bool {
	if m.k.Pipe {
		return s.unread == 0
	}
	return len(m.queue)+m.empty < modelQueue && s.unread+n <= modelSize
}

func (m *model) close(x uint16) {
	if len(m.senders) == 0 {
		return
	}
	i := int(x) % len(m.senders)
	m.senders[i].f.Close()
	m.senders[i] = m.senders[len(m.senders)-1]
	m.senders = m.senders[:len(m.senders)-1]
}

// read reads, if that cannot block.
func (m *model) read() {
	if len(m.queue) == 0 && (m.made == 0 || len(m.senders) > 0) {
		m.tryRead()
		return
	}
	d, err := m.m.Read()
	m.check(d, err == nil, err)
}

func (m *model) tryRead() { m.check(m.m.TryRead()) }

// check compares what came with the model.
func (m *model) check(d iomux.TaggedData, ok bool, err error) {
	m.t.Helper()
	if !ok {
		m.empty = 0
	}
	switch {
	case len(m.queue) > 0:
		p := m.queue[0]
		if !ok || err != nil || d.Tag != p.from.tag || string(d.Data) != string(p.data) {
			m.t.Fatalf("got %q %x, %v, %v, want %q %x", d.Tag, d.Data, ok, err, p.from.tag, p.data)
		}
		p.from.unread -= len(p.data)
		m.queue = m.queue[1:]
	case ok:
		m.t.Fatalf("got %q %x, want nothing", d.Tag, d.Data)
	case m.made > 0 && len(m.senders) == 0:
		if err != io.EOF {
			m.t.Fatalf("got %v, want io.EOF", err)
		}
	case err != nil:
		m.t.Fatalf("got %v, with %d senders open", err, len(m.senders))
	}
}

// end closes what is open, and reads to the end.
func (m *model) end() {
	if m.made == 0 {
		m.makeSender(0)
	}
	for len(m.senders) > 0 {
		m.close(0)
	}
	for len(m.queue) > 0 {
		m.read()
	}
	m.read() // io.EOF
	if n := m.m.Rows(); n != 0 {
		m.t.Fatalf("%d senders are remembered after the end", n)
	}
}

func TestOrder(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		seed := rand.Uint64()
		defer func() {
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		}()
		r := rand.New(rand.NewPCG(seed, 0))
		model := &model{t: t, k: k, m: m}
		for range 4 {
			for range 1500 {
				op := []byte{opMake, opWrite, opWrite, opWrite, opWrite, opClose, opRead, opRead, opTryRead}[r.IntN(9)]
				model.do(op, uint16(r.Uint32()))
			}
			model.end()
		}
	})
}

func FuzzOrder(f *testing.F) {
	f.Add([]byte{opMake, 0, 1, opWrite, 0, 3, opRead, 0, 0, opClose, 0, 0, opTryRead, 0, 0})
	f.Add([]byte{opRead, 0, 0, opMake, 0, 2, opMake, 0, 3, opWrite, 0, 12, opClose, 0, 0, opWrite, 1, 25, opRead, 0, 0, opClose, 0, 0, opRead, 0, 0, opMake, 0, 0})
	f.Add([]byte{opMake, 0, 0, opWrite, 0, 0, opWrite, 0, 0, opTryRead, 0, 0, opWrite, 255, 255, opWrite, 128, 12, opClose, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		for _, k := range muxtest.Kinds {
			m, err := k.Make(t)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			model := &model{t: t, k: k, m: m}
			defer func() {
				for _, s := range model.senders {
					s.f.Close()
				}
			}()
			for rest := ops; len(rest) >= 3; rest = rest[3:] {
				model.do(rest[0], binary.BigEndian.Uint16(rest[1:]))
			}
			model.end()
		}
	})
}

const (
	tokenChildren = 4
	tokenSenders  = 3
	tokenWrites   = 1000
)

// passToken writes when it has the token, to one of its senders, and hands the
// token on: so all writes of all these children come one after another. Its
// descriptors from 3 on are the senders, then where the tokens go.
func passToken([]string) int {
	var out, tokens []*os.File
	for i := range tokenSenders {
		out = append(out, os.NewFile(uintptr(3+i), "sender"))
	}
	for i := range tokenChildren {
		tokens = append(tokens, os.NewFile(uintptr(3+tokenSenders+i), "token"))
	}
	token := make([]byte, 4)
	for {
		if _, err := io.ReadFull(os.Stdin, token); err != nil {
			return 1
		}
		n := binary.BigEndian.Uint32(token)
		for range 1 + rand.IntN(3) {
			if n >= tokenWrites {
				break
			}
			i := rand.IntN(len(out))
			data := fmt.Appendf(nil, "%d %d", n, i)
			data = append(data, make([]byte, rand.IntN(2)*rand.IntN(4000))...)
			if _, err := out[i].Write(data); err != nil {
				return 2
			}
			n++
		}
		binary.BigEndian.PutUint32(token, n)
		if n >= tokenWrites { // the end, for all
			for _, f := range tokens {
				f.Write(token)
			}
			return 0
		}
		tokens[rand.IntN(len(tokens))].Write(token)
	}
}

// The writes of several processes, one after another.
func TestOrderOfProcesses(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind, m *iomux.Mux) {
		var read, write []*os.File
		for range tokenChildren {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			read, write = append(read, r), append(write, w)
		}
		for c := range tokenChildren {
			cmd := childCommand("passToken")
			for i := range tokenSenders {
				f := must(m.MakeTaggedSender(fmt.Sprint("child ", c, " sender ", i)))
				defer f.Close()
				cmd.ExtraFiles = append(cmd.ExtraFiles, f)
			}
			cmd.Stdin, cmd.Stderr = read[c], os.Stderr
			cmd.ExtraFiles = append(cmd.ExtraFiles, write...)
			start(t, cmd)
			for _, f := range cmd.ExtraFiles[:tokenSenders] {
				f.Close()
			}
		}
		must(write[0].Write(make([]byte, 4)))
		for want := 0; ; want++ {
			d, err := m.Read()
			if err == io.EOF && want == tokenWrites {
				return
			}
			var c, n, i, s int
			fmt.Sscanf(d.Tag, "child %d sender %d", &c, &s)
			fmt.Sscanf(string(d.Data), "%d %d", &n, &i)
			if err != nil || n != want || i != s {
				t.Fatalf("got write %d from sender %d (%q), %v, want write %d", n, i, d.Tag, err, want)
			}
		}
	})
}
