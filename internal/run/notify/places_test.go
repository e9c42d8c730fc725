package notify

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mailServer takes one message by SMTP (RFC 5321) and returns what it was told.
func mailServer(t *testing.T) (address string, got <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	all := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var seen strings.Builder
		lines := bufio.NewScanner(conn)
		say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
		say("220 mail.test ESMTP")
		for data := false; lines.Scan(); {
			line := lines.Text()
			seen.WriteString(line + "\n")
			switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); {
			case data && line == ".":
				data = false
				say("250 queued")
			case data:
			case verb == "EHLO":
				say("250-mail.test")
				say("250 AUTH PLAIN")
			case verb == "AUTH":
				say("235 welcome")
			case verb == "DATA":
				data = true
				say("354 go on")
			case verb == "QUIT":
				say("221 bye")
				all <- seen.String()
				return
			default:
				say("250 fine")
			}
		}
		all <- seen.String()
	}()
	return l.Addr().String(), all
}

func TestMail(t *testing.T) {
	address, got := mailServer(t)
	var failed error
	n := New(Config{URLs: []string{"smtp://me:mailpassword@" + address + "/?from=stoker@example.org&to=me@example.org&encryption=None&useStartTLS=no&auth=Plain"}},
		func(_ Message, err error) { failed = err })
	n.Send(Message{End, "resnet on gpu1: failed after 3 h", "CUDA out of memory\nlast line"})
	n.Close()
	if failed != nil {
		t.Fatal(failed)
	}
	mail := <-got
	for _, part := range []string{"MAIL FROM:<stoker@example.org>", "RCPT TO:<me@example.org>", "Subject: resnet on gpu1: failed after 3 h", "CUDA out of memory", "last line"} {
		if !strings.Contains(mail, part) {
			t.Errorf("no %q in\n%s", part, mail)
		}
	}
}

// TestDesktop: what notify-send is given; a title is never one of its options.
func TestDesktop(t *testing.T) {
	dir := t.TempDir()
	tool := "#!/bin/sh\nfor a in \"$@\"; do echo \"[$a]\"; done > " + dir + "/seen\n"
	if err := os.WriteFile(filepath.Join(dir, "notify-send"), []byte(tool), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := deliver(context.Background(), true, nil, Message{End, "-x on h: done", "after 3 h"}); err != nil {
		t.Fatal(err)
	}
	seen, _ := os.ReadFile(filepath.Join(dir, "seen"))
	if want := "[--app-name=stoker]\n[--]\n[-x on h: done]\n[after 3 h]\n"; string(seen) != want {
		t.Errorf("%q, want %q", seen, want)
	}
}
