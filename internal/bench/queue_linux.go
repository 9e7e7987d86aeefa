package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// queueFile has the number of messages that the queue of a new socket takes in
// this network namespace, less one.
const queueFile = "/proc/sys/net/unix/max_dgram_qlen"

// queues are the lengths to measure with: the kernel's own, and what systemd
// sets.
var queues = []int{10, 512}

// inQueue runs a part of this program in a network namespace of its own, where
// max_dgram_qlen is o.Queue, and reads into result what it prints. Where that is
// not allowed the error matches os.ErrPermission.
func inQueue(part string, o options, result any) error {
	return runPart(part, o, result, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
}

func runPart(part string, o options, result any, attr *syscall.SysProcAttr) error {
	arg, err := json.Marshal(o)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd := exec.Command(self(), part, string(arg))
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, os.Stderr, attr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	return json.Unmarshal(out.Bytes(), result)
}

// setQueue sets the length for sockets made from now on, if one is asked for.
func (o options) setQueue() error {
	if o.Queue == 0 {
		return nil
	}
	return os.WriteFile(queueFile, []byte(strconv.Itoa(o.Queue)), 0)
}

// queueLength is the length that is set, 0 if it is not known.
func queueLength() int {
	text, err := os.ReadFile(queueFile)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// inEachQueue runs a part with each length of the queue, or with the one that is
// there where it cannot be set.
func inEachQueue[T any](part string, o options, lengths []int) (all []T, err error) {
	for _, o.Queue = range lengths {
		var some []T
		err := inQueue(part, o, &some)
		if errors.Is(err, os.ErrPermission) {
			fmt.Fprintln(os.Stderr, "not root: only with the queue that is there")
			o.Queue = 0
			if err := runPart(part, o, &some, nil); err != nil {
				return nil, err
			}
			return some, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
