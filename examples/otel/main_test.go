package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/seed-5082a588/iomux/capture"
)

// A receiver is an OTLP receiver of logs.
type receiver struct {
	mu      sync.Mutex
	records []string // stream and text
	times   []time.Time
	err     error
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	var in collector.ExportLogsServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &in)); err != nil || req.URL.Path != "/v1/logs" {
		r.err = errors.Join(r.err, err, errors.New("request to "+req.URL.Path))
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	for _, resource := range in.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			for _, l := range scope.LogRecords {
				stream := ""
				for _, a := range l.Attributes {
					if a.Key == "stream" {
						stream = a.Value.GetStringValue()
					}
				}
				r.records = append(r.records, stream+" "+l.Body.GetStringValue())
				r.times = append(r.times, time.Unix(0, int64(l.TimeUnixNano)))
			}
		}
	}
	out, _ := proto.Marshal(&collector.ExportLogsServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(out)
}

// What a command writes arrives at a receiver: all of it, in order, by stream, with
// its time, and before ship returns the error of the command.
func TestShip(t *testing.T) {
	var r receiver
	server := httptest.NewServer(&r)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	before := time.Now().Round(0)
	cmd := exec.Command("sh", "-c", "echo compiling; echo careful >&2; printf done; exit 3")
	err := ship(ctx, cmd, otlploghttp.WithEndpointURL(server.URL+"/v1/logs"))
	after := time.Now().Round(0)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("the error is %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	want := []string{"stdout compiling", "stderr careful", "stdout done"}
	got := slices.Clone(r.records)
	if !capture.Ordered {
		slices.Sort(got)
		slices.Sort(want)
	}
	if r.err != nil || !slices.Equal(got, want) {
		t.Errorf("received %q, %v, want %q", r.records, r.err, want)
	}
	for _, at := range r.times {
		if at.Before(before) || at.After(after) {
			t.Errorf("a record is of %v, not between %v and %v", at, before, after)
		}
	}
}
