//go:build linux || (unix && experimental_unix)

package main

import (
	"time"

	"github.com/seed-5082a588/iomux"
)

// plain prints each stream to its own, as it is.
type plain struct{ out sink }

func (p *plain) started(time.Time, int)         {}
func (p *plain) print(d iomux.TaggedData)       { p.out.write(streamOf(d), d.Data) }
func (p *plain) pause()                         {}
func (p *plain) finished(time.Time, result)     {}
func (p *plain) refused(time.Time, string, int) {}
