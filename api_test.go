//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"flag"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/api.txt")

const apiFile = "testdata/api.txt"

// The exported API is what testdata/api.txt says, so that it does not change by
// accident. After a change that is meant: go test -run TestAPI -update .
func TestAPI(t *testing.T) {
	got := exportedAPI(t)
	if *update {
		if err := os.WriteFile(apiFile, []byte(strings.Join(got, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Split(strings.TrimSpace(string(must(os.ReadFile(apiFile)))), "\n")
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("gone: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("new: %s", line)
		}
	}
}

// exportedAPI gives a sorted line for each exported name and field of the packages,
// as they are on Linux, whatever the system and the tags of this test.
func exportedAPI(t *testing.T) (lines []string) {
	for _, dir := range []string{".", "capture", "tty"} {
		for _, line := range packageAPI(t, dir) {
			if dir != "." {
				line = dir + ": " + line
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func packageAPI(t *testing.T, dir string) []string {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.BuildTags = "linux", "amd64", nil
	a := api{fset: token.NewFileSet()}
	p := packageDoc(t, dir, ctx, a.fset, 0)
	a.values(p.Consts)
	a.values(p.Vars)
	a.funcs(p.Funcs)
	for _, typ := range p.Types {
		for _, spec := range typ.Decl.Specs {
			a.typeSpec(spec.(*ast.TypeSpec))
		}
		a.values(typ.Consts)
		a.values(typ.Vars)
		a.funcs(typ.Funcs)
		a.funcs(typ.Methods)
	}
	slices.Sort(a.lines)
	return a.lines
}

// An api collects the lines.
type api struct {
	fset  *token.FileSet
	lines []string
}

// add adds a line of code and syntax trees.
func (a *api) add(parts ...any) {
	var b strings.Builder
	for _, p := range parts {
		if s, ok := p.(string); ok {
			b.WriteString(s)
		} else if err := printer.Fprint(&b, a.fset, p); err != nil {
			panic(err)
		}
	}
	a.lines = append(a.lines, strings.Join(strings.Fields(b.String()), " "))
}

func (a *api) funcs(of []*doc.Func) {
	for _, f := range of {
		f.Decl.Body = nil
		a.add(f.Decl)
	}
}

func (a *api) values(of []*doc.Value) {
	for _, v := range of {
		for _, spec := range v.Decl.Specs {
			s := spec.(*ast.ValueSpec)
			for i, name := range s.Names {
				parts := []any{v.Decl.Tok.String(), " ", name}
				if s.Type != nil {
					parts = append(parts, " ", s.Type)
				}
				if v.Decl.Tok == token.CONST && i < len(s.Values) {
					parts = append(parts, " = ", s.Values[i])
				}
				if name.IsExported() {
					a.add(parts...)
				}
			}
		}
	}
}

func (a *api) typeSpec(s *ast.TypeSpec) {
	st, ok := s.Type.(*ast.StructType)
	if !ok {
		a.add("type ", s)
		return
	}
	a.add("type ", s.Name, " struct")
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 {
			a.add("field ", s.Name, " embeds ", f.Type)
		}
		for _, name := range f.Names {
			a.add("field ", s.Name, ".", name, " ", f.Type)
		}
	}
}

// packageDoc is the documentation of the package in dir as ctx compiles it.
func packageDoc(t *testing.T, dir string, ctx build.Context, fset *token.FileSet, mode parser.Mode) *doc.Package {
	t.Helper()
	pkg, err := ctx.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, mode)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	d, err := doc.NewFromFiles(fset, files, "github.com/seed-5082a588/iomux")
	if err != nil {
		t.Fatal(err)
	}
	return d
}
