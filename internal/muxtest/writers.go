//go:build linux || (unix && experimental_unix)

package muxtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Children that tests of several packages use.
func init() {
	Children["say"] = say
	Children["count"] = count
	Children["run-writers"] = manyWriters
}

// PerWriter is how often each thread of the child "run-writers" writes.
const PerWriter = 100

// manyWriters writes from as many threads as its argument says to its standard
// output: pieces of all sizes up to a page, which say who wrote them, which
// they are, and how long.
func manyWriters(args []string) int {
	var all sync.WaitGroup
	for w := range Must(strconv.Atoi(args[0])) {
		all.Add(1)
		go func() {
			defer all.Done()
			r := rand.New(rand.NewPCG(uint64(w), 6))
			for i := range PerWriter {
				b := bytes.Repeat([]byte{byte(w)}, 6+r.IntN(os.Getpagesize()-5))
				binary.BigEndian.PutUint16(b[1:], uint16(i))
				binary.BigEndian.PutUint16(b[3:], uint16(len(b)))
				unix.Write(1, b)
			}
		}()
	}
	all.Wait()
	return 0
}

// say writes twice to each of the descriptors that args name what it is.
func say(args []string) int {
	for round := range 2 {
		for _, arg := range args {
			fd := Must(strconv.Atoi(arg))
			flags := Must(unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0))
			Must(unix.Write(fd, fmt.Appendf(nil, "%d %d nonblock=%t\n", round, fd, flags&unix.O_NONBLOCK != 0)))
		}
	}
	return 0
}

// count writes numbers to its standard output and standard error in turn, for
// ever.
func count([]string) int {
	for i := uint32(0); ; i++ {
		f := []*os.File{os.Stdout, os.Stderr}[i%2]
		if _, err := f.Write(binary.BigEndian.AppendUint32(nil, i)); err != nil {
			return 1
		}
	}
}
