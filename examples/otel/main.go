// Otel runs a command and ships each line that it writes as a log record by
// OpenTelemetry: through log/slog, the otelslog bridge and the OTLP exporter.
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 go run . make
package main

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/seed-5082a588/iomux/capture"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: otel COMMAND [ARGUMENT ...]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cmd := exec.CommandContext(ctx, os.Args[1], os.Args[2:]...)
	if err := ship(context.WithoutCancel(ctx), cmd); err != nil {
		log.Fatal(err)
	}
}

// ship runs cmd and exports what it writes. It returns when all is exported.
func ship(ctx context.Context, cmd *exec.Cmd, options ...otlploghttp.Option) (err error) {
	exporter, err := otlploghttp.New(ctx, options...)
	if err != nil {
		return err
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()
	return logOutput(ctx, otelslog.NewHandler("iomux", otelslog.WithLoggerProvider(provider)), cmd)
}

// logOutput runs cmd and logs every line that it writes, with its stream and its
// time. A line of more than 64 KiB is several records.
func logOutput(ctx context.Context, h slog.Handler, cmd *exec.Cmd) error {
	for line, err := range capture.LimitLines(capture.Output(cmd), 64<<10) {
		if err != nil {
			return err // an *exec.ExitError if the command failed
		}
		r := slog.NewRecord(line.Time, slog.LevelInfo, strings.TrimSuffix(string(line.Data), "\n"), 0)
		r.AddAttrs(slog.String("stream", line.Tag))
		if err := h.Handle(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
