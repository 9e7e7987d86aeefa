package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// commandOutput returns what a command prints; if it fails, what it says.
func commandOutput(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// repository makes a repository of 500 commits in dir/repo.
func repository(dir string) error {
	var stream strings.Builder
	for i := range 500 {
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter n <e@example.com> %d +0000\ndata 9\nnote %03d\nM 100644 inline f%d\ndata 6\n%05d\n\n", 1_000_000_000+i, i, i, i)
	}
	if _, err := commandOutput("git", "init", "-q", "-b", "main", filepath.Join(dir, "repo")); err != nil {
		return err
	}
	cmd := exec.Command("git", "-C", filepath.Join(dir, "repo"), "fast-import", "--quiet")
	cmd.Stdin = strings.NewReader(stream.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git fast-import: %w: %s", err, out)
	}
	_, err := commandOutput("git", "-C", filepath.Join(dir, "repo"), "reset", "-q", "--hard")
	return err
}

// server makes dir/ssh_config for a host "here": a server that ssh starts for each
// connection, so that no port and no daemon is needed.
func server(dir string) error {
	const daemon = "/usr/sbin/sshd"
	if _, err := os.Stat(daemon); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where it separates its privileges
			return err
		}
	}
	for _, name := range []string{"host", "user"} {
		if _, err := commandOutput("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	files := map[string]string{
		"sshd_config": "HostKey DIR/host\nAuthorizedKeysFile DIR/user.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nUseDNS no\n",
		"ssh_config": "Host here\n  ProxyCommand " + daemon + " -i -f DIR/sshd_config 2>/dev/null\n  IdentityFile DIR/user\n  IdentitiesOnly yes\n" +
			"  StrictHostKeyChecking no\n  UserKnownHostsFile DIR/known\n  LogLevel ERROR\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			return err
		}
	}
	_, err := commandOutput("ssh", "-F", filepath.Join(dir, "ssh_config"), "-o", "ConnectTimeout=20", "here", "true")
	return err
}

func repositoryAndServer(dir string) error {
	if err := repository(dir); err != nil {
		return err
	}
	return server(dir)
}

var (
	durations = regexp.MustCompile(`[0-9.]+ ?(s|ms|kB/s|MB/s|GB/s)\b|\(cached\)|[0-9:]+--[-:0-9]*`)
	progress  = regexp.MustCompile(`(?m)^.*\r|^\d+$\n?|^.*(Receiving objects|Resolving deltas|Compressing objects|Counting objects|Enumerating objects|Total|Average|Speed).*\n?`)
)

// withoutTimes removes durations and rates.
func withoutTimes(text string) string { return durations.ReplaceAllString(text, "") }

// withoutProgress removes what is drawn over by the next, and the sums at its end.
func withoutProgress(text string) string {
	if len(text) > 1<<20 {
		return text // data
	}
	return progress.ReplaceAllString(text, "")
}

// withoutTransfer removes what git says of a transfer: how much of that it says
// depends on how long it takes.
func withoutTransfer(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, "\r", "\n")) {
		if !transfer.MatchString(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

var transfer = regexp.MustCompile(`objects|deltas|delta|^remote:|^\s*$`)

// dataOnly removes all that is short: what a program says beside its data.
func dataOnly(text string) string {
	if len(text) > 1<<20 {
		return text
	}
	return ""
}
