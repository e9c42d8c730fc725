package progress

import "strings"

// tqdm and everything built on it: Hugging Face Trainer, accelerate, diffusers,
// kohya, Lightning's default bar, old YOLO scripts. Format strings: tqdm/std.py,
// format_meter. Read by hand, because it is the most frequent format by far and
// an expression with two lazy parts costs ten times as much.
var tqdmFormats = []format{
	{id: "tqdm", needs: []string{"%|", "% ", "/? ["}, take: takeTqdm},
	{id: "tqdm", needs: []string{"it [", "s/", "/s"}, take: takeTqdmNoTotal},
}

// TqdmEnv are environment variables that make tqdm 4.66 or later (it reads
// TQDM_*) put an exact record of each state in front of its usual bar, inside an
// operating system command that terminals do not show: unrounded counts even
// where the bar shows 63.3G/131G. Bars that set bar_format themselves are
// unaffected. A supervisor may add them to the child's environment unless the
// user set TQDM_BAR_FORMAT; the record stands first in the line because tqdm cuts
// a line that is too long at its end.
func TqdmEnv() []string {
	return []string{"TQDM_BAR_FORMAT=\x1b]" + tqdmOSC + ";tqdm;{n};{total};{elapsed_s}\x07{l_bar}{bar}{r_bar}"}
}

// tqdmOSC is a number that no terminal gives a meaning to.
const tqdmOSC = "7707"

// exact is the record in front of the bar that is being drawn.
type exact struct {
	n, total int64
	set      bool
}

// noteRecord keeps a record for the bar that follows it on the line.
func (c *context) noteRecord(f []string) {
	n, ok := number(f[0])
	if !ok || n < 0 || n > 1e18 {
		return
	}
	c.exact = exact{n: int64(n), set: true}
	if t, ok := number(f[1]); ok && t > 0 && t < 1e18 {
		c.exact.total = int64(t)
	}
}

// useRecord replaces the rounded counts of a bar by those of its record.
func (c *context) useRecord(e *Event) {
	if c.exact.set {
		e.Step, e.Steps = c.exact.n, c.exact.total
		c.exact = exact{}
	}
}

// takeTqdm reads "desc:  20%|██   | 9/45 [20:01<1:20:06, 133.50s/it, loss=0.1]".
func takeTqdm(line string, c *context) (e Event, rest string, ok bool) {
	open := -1
	for from := 0; ; { // the bracket that opens with a clock and holds a '<'
		i := strings.Index(line[from:], " [")
		if i < 0 {
			return e, "", false
		}
		i += from
		if m := clockLen(line[i+2:]); m > 0 && i+2+m < len(line) && line[i+2+m] == '<' {
			open = i
			break
		}
		from = i + 2
	}
	head := line[:open]
	end := strings.IndexByte(line[open:], ']')
	if end < 0 {
		return e, "", false
	}
	inside := line[open+2 : open+end]
	rest = strings.TrimLeft(line[open+end+1:], " \t")
	n, total, pctAt := tqdmCounts(head)
	if pctAt < 0 {
		return e, "", false
	}
	tail := strings.SplitN(inside, ",", 3)
	if len(tail) < 2 || !rateLike(tail[1]) {
		return e, "", false
	}
	e = Event{Kind: Step, Source: "tqdm", Step: count(n), Steps: count(total), Unit: rateUnit(tail[1])}
	if len(tail) == 3 {
		e.addPostfix(tail[2])
	}
	c.useRecord(&e)
	describe(&e, head[:pctAt], c)
	return e, rest, true
}

// tqdmCounts splits "desc:  20%|██   | 9/45" from its end, and "desc: |   | 9/?",
// which a bar_format of one's own (TqdmEnv's, too) gives where there is no total.
func tqdmCounts(head string) (n, total string, pctAt int) {
	slash := strings.LastIndexByte(head, '/')
	if slash < 0 {
		return "", "", -1
	}
	total = head[slash+1:]
	i := slash
	for i > 0 && (isDigit(head[i-1]) || head[i-1] == '.' || isLetter(head[i-1])) {
		i--
	}
	n = head[i:slash]
	if _, ok := number(n); !ok {
		return "", "", -1
	}
	if total == "?" {
		return n, "", strings.IndexByte(head, '|')
	}
	if _, ok := number(total); !ok {
		return "", "", -1
	}
	pct := strings.LastIndexByte(head[:i], '%')
	if pct < 1 || !isDigit(head[pct-1]) {
		return "", "", -1
	}
	for pct > 0 && isDigit(head[pct-1]) {
		pct--
	}
	return n, total, pct
}

// takeTqdmNoTotal reads "desc: 910it [25:44,  1.70s/it, loss=0.1]".
func takeTqdmNoTotal(line string, c *context) (e Event, rest string, ok bool) {
	open := strings.LastIndex(line, " [")
	if open < 1 {
		return e, "", false
	}
	m := clockLen(line[open+2:])
	if m == 0 || open+2+m >= len(line) || line[open+2+m] != ',' {
		return e, "", false
	}
	end := strings.IndexByte(line[open:], ']')
	if end < 0 {
		return e, "", false
	}
	tail := strings.SplitN(line[open+2+m+1:open+end], ",", 2)
	if !rateLike(tail[0]) {
		return e, "", false
	}
	head := line[:open]
	i := len(head)
	for i > 0 && isLetter(head[i-1]) {
		i--
	}
	j := i
	for j > 0 && (isDigit(head[j-1]) || head[j-1] == '.') {
		j--
	}
	if i == j || i == len(head) || j > 0 && head[j-1] == '-' {
		return e, "", false
	}
	e = Event{Kind: Step, Source: "tqdm_nototal", Step: count(head[j:i]), Unit: head[i:]}
	if len(tail) == 2 {
		e.addPostfix(tail[1])
	}
	c.useRecord(&e)
	describe(&e, head[:j], c)
	return e, strings.TrimLeft(line[open+end+1:], " \t"), true
}

// clockLen returns the length of a leading [D day(s), ][H:]MM:SS, or 0.
func clockLen(s string) int {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	if i == 0 || i > 9 {
		return 0
	}
	if strings.HasPrefix(s[i:], " day") {
		k := strings.Index(s, ", ")
		if k < 0 || k > 20 {
			return 0
		}
		n := clockLen(s[k+2:])
		if n == 0 {
			return 0
		}
		return k + 2 + n
	}
	colons := 0
	for i < len(s) && (isDigit(s[i]) || s[i] == ':') {
		if s[i] == ':' {
			colons++
		}
		i++
	}
	if colons == 0 || colons > 2 || !isDigit(s[i-1]) {
		return 0
	}
	return i
}

// rateLike reports whether s is tqdm's rate: "?it/s", " 1.49s/it", " 13.1MiB/s".
func rateLike(s string) bool {
	s = strings.TrimSpace(s)
	return strings.Contains(s, "/") && s != "" && (s[0] == '?' || isDigit(s[0]))
}

// rateUnit returns "it" of "3.21it/s" and of "1.5s/it"; "B" of "13.1MiB/s".
func rateUnit(s string) string {
	s = strings.TrimLeft(strings.TrimSpace(s), "?0123456789.")
	if u, ok := strings.CutPrefix(s, "s/"); ok {
		return u
	}
	u, _, _ := strings.Cut(s, "/")
	if len(u) > 1 {
		if _, si := siFactor[u[0]]; si {
			u = strings.TrimPrefix(u[1:], "i")
		}
	}
	return strings.TrimSpace(u)
}

// addPostfix takes tqdm's postfix "loss=0.1, lr=1e-5" or "Loss: 0.1".
func (e *Event) addPostfix(s string) {
	for part := range strings.SplitSeq(s, ",") {
		k, v, ok := strings.Cut(part, "=")
		if !ok {
			k, v, ok = strings.Cut(part, ":")
		}
		if ok {
			e.addMetric(k, v)
		}
	}
}

// describe reads a bar's description: the epoch, the phase, and a key in which
// numbers are masked, so that "Epoch 1" and "Epoch 2" are the same bar.
func describe(e *Event, desc string, c *context) {
	desc = strings.TrimRight(strings.TrimSpace(desc), ":| ")
	if i := strings.LastIndexByte(desc, ']'); i >= 0 && i < len(desc)-1 && strings.HasPrefix(desc, "[") && !strings.Contains(lower(desc[:i]), "epoch") {
		desc = strings.TrimSpace(desc[i+1:]) // a logger's prefix
	}
	e.Bar = barKey(desc)
	if desc == "" {
		e.Phase = ""
		if e.Unit == "epoch" || e.Unit == "epochs" {
			epochBar(e)
		}
		return
	}
	low := lower(desc)
	e.Phase = phaseOf(desc)
	if i := strings.Index(low, "epoch"); i >= 0 {
		n, total, found := epochOf(desc[i:])
		switch {
		case found:
			e.Epoch = c.epochNumber("tqdm", n)
			e.Epochs = c.epochTotal("tqdm", total)
			e.Scope = ScopeEpoch
		case low == "epoch" || low == "epochs" || low == "training epochs" || e.Unit == "epoch":
			epochBar(e)
		}
		return
	}
	if n, total, found := leadingFraction(desc); found { // old YOLO: "  1/100  2.61G ... 640"
		e.Epoch, e.Epochs, e.Scope = c.epochNumber("yolo", n), c.epochTotal("yolo", total), ScopeEpoch
		e.Phase, e.Bar = Train, "epoch/epochs"
		return
	}
	switch {
	case e.Unit == "epoch" || e.Unit == "epochs":
		epochBar(e)
	case low == "steps": // diffusers and kohya: one bar over the whole run
		e.Scope = ScopeRun
	}
}

// epochBar turns a bar that counts epochs into an Epoch event.
func epochBar(e *Event) {
	e.Kind, e.Unit = Epoch, "epoch"
	e.Epoch, e.Epochs = int(min(e.Step, 1<<30)), int(min(e.Steps, 1<<30))
	e.Done = true
	if e.Epoch < e.Epochs || e.Epochs == 0 {
		e.Epoch, e.Done = e.Epoch+1, false
	}
	e.Step, e.Steps = 0, 0
}

// epochOf reads "Epoch 3", "Epoch: [3/10]", "epoch=3", "Epoch 3 of 10".
func epochOf(s string) (n, total int, ok bool) {
	s = strings.TrimLeft(s[len("epoch"):], "s")
	s = strings.TrimLeft(s, " :=[(#")
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	if i == 0 || i > 9 {
		return 0, 0, false
	}
	n = int(count(s[:i]))
	s = strings.TrimLeft(s[i:], " ")
	if t, cut := strings.CutPrefix(s, "/"); cut {
		s = t
	} else if t, cut := strings.CutPrefix(s, "of "); cut {
		s = t
	} else {
		return n, 0, true
	}
	s = strings.TrimLeft(s, " ")
	j := 0
	for j < len(s) && isDigit(s[j]) {
		j++
	}
	return n, int(count(s[:min(j, 9)])), true
}

// leadingFraction reads "3/100 ..." at the start of a description.
func leadingFraction(s string) (n, total int, ok bool) {
	head, _, _ := strings.Cut(s, " ")
	a, b, found := strings.Cut(head, "/")
	if !found || a == "" || b == "" || len(a) > 8 || len(b) > 8 || strings.Trim(a+b, "0123456789") != "" {
		return 0, 0, false
	}
	return int(count(a)), int(count(b)), true
}

// barKey masks the numbers of a description and bounds its length.
func barKey(desc string) string {
	b := make([]byte, 0, 40)
	for i := 0; i < len(desc) && len(b) < 40; i++ {
		c := desc[i]
		if isDigit(c) {
			if n := len(b); n > 0 && b[n-1] == '0' {
				continue
			}
			c = '0'
		}
		b = append(b, c)
	}
	return string(b)
}
