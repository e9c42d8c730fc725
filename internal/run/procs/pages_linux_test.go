package procs

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestOnlyCleanMappingsOfTheProgram(t *testing.T) {
	section := func(head string, anonymous, swap int) string {
		return head + "\nSize: 8 kB\nShared_Dirty: 8 kB\nAnonymous: " + strconv.Itoa(anonymous) + " kB\nSwap: " + strconv.Itoa(swap) + " kB\nVmFlags: rd mr mw me\n"
	}
	smaps := section("00400000-01000000 r-xp 00000000 08:01 7 /bin/it", 0, 0) +
		section("01000000-01200000 r--p 00c00000 08:01 7 /bin/it", 8, 0) + // relocated, then protected
		section("01200000-01210000 r--p 00c00000 08:01 7 /bin/it", 0, 8) + // and swapped out
		section("01200000-01300000 rw-p 00e00000 08:01 7 /bin/it", 0, 0) +
		section("01300000-01400000 r--p 00f00000 08:01 7 /bin/it", 0, 0) +
		section("c000000000-c004000000 r--p 00000000 00:00 0 ", 0, 0) +
		section("7f0000000000-7f0000010000 r-xp 00000000 08:01 9 /lib/other", 0, 0) +
		"garbage\nx y z\n"
	got := cleanMappings(bufio.NewScanner(strings.NewReader(smaps)), "/bin/it")
	if len(got) != 2 || got[0] != (mapping{0x400000, 0x1000000}) || got[1] != (mapping{0x1300000, 0x1400000}) {
		t.Fatalf("%x", got)
	}
}

// TestProgramGoesOn: the process runs on its own dropped pages.
func TestProgramGoesOn(t *testing.T) {
	before := fileRSS(t)
	DropProgramPages()
	after := fileRSS(t)
	if after >= before {
		t.Errorf("%d kB of files mapped, %d kB before", after, before)
	}
	t.Logf("%d kB of files mapped, %d kB before", after, before)
}

func fileRSS(t *testing.T) (kb int) {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "RssFile:"); ok {
			kb, _ = strconv.Atoi(strings.Fields(v)[0])
		}
	}
	return kb
}
