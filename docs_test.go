//go:build linux || (unix && experimental_unix)

package iomux_test

import (
	"flag"
	"go/ast"
	"go/build"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The Go code in README.md, in docs and in the package comments is in the examples,
// so it compiles and runs.
func TestDocsShowExamples(t *testing.T) {
	var examples strings.Builder
	for _, file := range slices.Concat(must(filepath.Glob("example*_test.go")), must(filepath.Glob("*/example*_test.go"))) {
		examples.WriteString(unindented(string(must(os.ReadFile(file)))))
	}
	check := func(where string, snippets []string) {
		if len(snippets) == 0 {
			t.Errorf("%s: no snippet found", where)
		}
		for _, s := range snippets {
			s = strings.ReplaceAll(s, `import "`, `"`) // there it stands among others
			for part := range strings.SplitSeq(s, "\n\n") {
				if !strings.Contains(examples.String(), unindented(part)) {
					t.Errorf("%s: not in any example:\n%s", where, part)
				}
			}
		}
	}

	code := regexp.MustCompile("(?ms)^ *```go\n(.*?)^ *```")
	expected := []string{"README.md", "docs/recipes.md", "docs/terminal.md"}
	for _, file := range markdownFiles(t) {
		var snippets []string
		for _, m := range code.FindAllStringSubmatch(string(must(os.ReadFile(file))), -1) {
			snippets = append(snippets, m[1])
		}
		if len(snippets) > 0 || slices.Contains(expected, file) {
			check(file, snippets)
		}
	}

	for _, p := range []*doc.Package{libraryDoc(t), parsedDoc(t, "capture"), parsedDoc(t, "tty")} {
		var snippets []string
		for _, block := range p.Parser().Parse(p.Doc).Content {
			if code, ok := block.(*comment.Code); ok {
				snippets = append(snippets, code.Text)
			}
		}
		check("comment of package "+p.Name, snippets)
	}
}

// parsedDoc is the documentation of the package in dir on this system.
func parsedDoc(t *testing.T, dir string) *doc.Package {
	return packageDoc(t, dir, build.Default, token.NewFileSet(), parser.ParseComments)
}

// unindented is text without indentation and empty lines.
func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// Links between the files of this repository lead somewhere.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(<?([^)\s>]+)|(?:src|href)="([^"]+)"`)
	n := 0
	for _, file := range markdownFiles(t) {
		for _, m := range link.FindAllStringSubmatch(withoutCode(file), -1) {
			u, err := url.Parse(m[1] + m[2])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if u.Scheme != "" || u.Host != "" {
				continue
			}
			n++
			target := file
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", file, u, err)
			} else if u.Fragment != "" && !anchors(target)[u.Fragment] {
				t.Errorf("%s: link to %s: no such heading", file, u)
			}
		}
	}
	if n == 0 {
		t.Error("no link found at all")
	}
}

func markdownFiles(t *testing.T) (files []string) {
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == ".git" || e.Name() == "vendor"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// withoutCode is a Markdown file less its blocks of code.
func withoutCode(file string) string {
	return regexp.MustCompile("(?ms)^ *```.*?^ *```").ReplaceAllString(string(must(os.ReadFile(file))), "")
}

// anchors gives what the headings of a Markdown file are linked to by.
func anchors(file string) map[string]bool {
	all := make(map[string]bool)
	odd := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(withoutCode(file), -1) {
		name := odd.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}

// The functions that docs/how-it-works.md names, as `f()` or `T.f()`, exist.
func TestDocsNameFunctions(t *testing.T) {
	exist := make(map[string]bool)
	for _, file := range must(filepath.Glob("*.go")) {
		f := must(parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution))
		for _, d := range f.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || strings.HasSuffix(file, "_test.go") {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				name = strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*") + "." + name
			}
			exist[name] = true
		}
	}
	text := string(must(os.ReadFile("docs/how-it-works.md")))
	named := regexp.MustCompile("`([A-Za-z.]+)\\(\\)`").FindAllStringSubmatch(text, -1)
	for _, m := range named {
		if !exist[m[1]] {
			t.Errorf("there is no %s()", m[1])
		}
	}
	if len(named) == 0 {
		t.Error("none named at all")
	}
}

// The tests that the docs name exist. A name that ends with "…" is the beginning of
// several.
func TestDocsNameTests(t *testing.T) {
	exist := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			for _, m := range declared.FindAllSubmatch(must(os.ReadFile(path)), -1) {
				exist[string(m[1])] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)(…?)`")
	n := 0
	for _, file := range markdownFiles(t) {
		for _, m := range named.FindAllStringSubmatch(string(must(os.ReadFile(file))), -1) {
			n++
			begins := func(name string) bool { return strings.HasPrefix(name, m[1]) }
			if !exist[m[1]] && (m[2] == "" || !slices.ContainsFunc(slices.Collect(maps.Keys(exist)), begins)) {
				t.Errorf("%s: there is no test %s", file, m[1])
			}
		}
	}
	if n == 0 {
		t.Error("none named at all")
	}
}

// Everything exported has a doc comment, fields of structs too.
func TestDocsExported(t *testing.T) {
	p := libraryDoc(t)
	undocumented := func(name, text string) {
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s has no doc comment", name)
		}
	}
	values := func(of []*doc.Value) {
		for _, v := range of {
			undocumented(strings.Join(v.Names, ", "), v.Doc)
		}
	}
	funcs := func(of []*doc.Func) {
		for _, f := range of {
			undocumented(f.Name, f.Doc)
		}
	}
	undocumented("the package", p.Doc)
	values(p.Consts)
	values(p.Vars)
	funcs(p.Funcs)
	for _, typ := range p.Types {
		undocumented(typ.Name, typ.Doc)
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs)
		funcs(typ.Methods)
		for name, text := range fields(typ) {
			undocumented(typ.Name+"."+name, text)
		}
	}
	if len(p.Funcs) == 0 || len(p.Types) == 0 {
		t.Error("nothing exported found at all")
	}
}

// fields gives the comments of the exported fields.
func fields(typ *doc.Type) map[string]string {
	all := make(map[string]string)
	for _, spec := range typ.Decl.Specs {
		s, ok := spec.(*ast.TypeSpec).Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				if name.IsExported() {
					all[name.Name] = f.Doc.Text() + f.Comment.Text()
				}
			}
		}
	}
	return all
}

// libraryDoc is the documentation of the package on this system.
func libraryDoc(t *testing.T) *doc.Package {
	t.Helper()
	ctx := build.Default
	ctx.BuildTags = append(ctx.BuildTags, "experimental_unix")
	return packageDoc(t, ".", ctx, token.NewFileSet(), parser.ParseComments)
}

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
