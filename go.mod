module github.com/seed-5082a588/iomux

go 1.24.0

require golang.org/x/sys v0.41.0
