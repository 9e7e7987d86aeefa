package main

import "github.com/seed-5082a588/iomux"

// newPipe is a variable so that the tests can take it away.
var newPipe = iomux.NewPipe
