package progress

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestCountReadsScaledAndGroupedNumbers(t *testing.T) {
	for in, want := range map[string]int64{"12": 12, "3,000": 3000, "63.3G": 63_300_000_000, "1.5k": 1500, "": 0, "x": 0, "-3": 0,
		"99999999999999999999": 1<<63 - 1} {
		if got := count(in); got != want {
			t.Errorf("count(%q) = %d, want %d", in, got, want)
		}
	}
}

// events feeds chunks a second apart and returns all events, copied.
func events(p *Parser, chunks ...string) []Event {
	var all []Event
	for i, c := range chunks {
		now := noon.Add(time.Duration(i) * time.Second)
		all = append(all, p.Feed(now, []byte(c))...)
		all = append(all, p.Idle(now.Add(100*time.Millisecond))...)
	}
	return all
}

func TestAnySplitGivesTheSameEvents(t *testing.T) {
	var stream bytes.Buffer
	for _, s := range readSamples(t) {
		stream.WriteString(s.Raw + "\n")
	}
	whole := NewParser(Options{}).Feed(noon, stream.Bytes())
	want := fmt.Sprint(eventsText(whole))
	rng := rand.New(rand.NewPCG(1, 1))
	for range 4 {
		p := NewParser(Options{})
		var got []Event
		for rest := stream.Bytes(); len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(200))
			for _, e := range p.Feed(noon, rest[:n]) {
				if n := len(got); n == 0 || asJSON(got[n-1]) != asJSON(e) { // a bar may show its end before the line's end comes
					got = append(got, e)
				}
			}
			rest = rest[n:]
		}
		if g := fmt.Sprint(eventsText(got)); g != want {
			t.Fatalf("the split changed the events\n got %.2000s\nwant %.2000s", g, want)
		}
	}
}

func eventsText(all []Event) []string {
	var out []string
	for _, e := range all {
		if s := asJSON(e); len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}

func TestABarWithoutLineEndIsSeenAtOnce(t *testing.T) {
	p := NewParser(Options{})
	got := p.Feed(noon, []byte("\r 12%|█▎        | 4/32 [00:10<01:12,  2.59s/it]"))
	if len(got) != 1 || got[0].Step != 4 || !got[0].Time.Equal(noon) {
		t.Fatalf("got %+v, want step 4 at once", got)
	}
	if again := p.Idle(noon.Add(time.Second)); len(again) != 0 {
		t.Errorf("Idle repeated %+v", again)
	}
}

func TestAnUnfinishedLineCarriesItsOwnTime(t *testing.T) {
	p := NewParser(Options{})
	if e := p.Feed(noon, []byte("step 15")); len(e) != 0 {
		t.Fatalf("got %+v before the line's end", e)
	}
	e := p.Idle(noon.Add(time.Minute))
	if len(e) != 1 || e[0].Step != 15 || !e[0].Time.Equal(noon) {
		t.Fatalf("got %+v, want step 15 at noon", e)
	}
}

func TestTextBehindABarIsALineOfItsOwn(t *testing.T) {
	got := parseAll("\r 12%|█▎        | 4/32 [00:10<01:12,  2.59s/it]step 250: train loss 2.01, val loss 2.12\n")
	if len(got) != 2 || got[0].Step != 4 || got[1].Metrics["val_loss"] != 2.12 {
		t.Errorf("got %+v", got)
	}
}

func TestKerasEpochsComeFromTheirHeaders(t *testing.T) {
	p := NewParser(Options{})
	var last Event
	for _, e := range events(p, "Epoch 2/5\n", "\x1b[1m 55/469\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m━━━\x1b[0m \x1b[1m4s\x1b[0m 10ms/step - loss: 1.2\b\b\b\r",
		"\x1b[1m469/469\x1b[0m \x1b[32m━━━━━\x1b[0m \x1b[1m5s\x1b[0m 10ms/step - loss: 1.1 - val_loss: 1.3\n") {
		last = e
	}
	if last.Epoch != 2 || last.Epochs != 5 || last.Step != 469 || !last.Done || last.Metrics["val_loss"] != 1.3 {
		t.Errorf("got %+v", last)
	}
}

func TestSecondUnnamedBar(t *testing.T) {
	bar := func(n, total int) string {
		return fmt.Sprintf("\r%3d%%|███| %d/%d [00:10<01:12,  2.59s/it]", 100*n/total, n, total)
	}
	t.Run("validation inside a run", func(t *testing.T) { // Hugging Face's Trainer
		p := NewParser(Options{})
		all := events(p, bar(0, 300), bar(50, 300), bar(100, 300), bar(1, 20), bar(15, 20), bar(101, 300))
		if e := all[len(all)-2]; e.Phase != Validation || e.Steps != 20 {
			t.Errorf("the inner bar is %+v, want a validation", e)
		}
		if e := all[len(all)-1]; e.Phase == Validation || e.Step != 101 {
			t.Errorf("the outer bar is %+v, want steps", e)
		}
	})
	t.Run("epochs around steps", func(t *testing.T) { // for epoch in tqdm(...): for batch in tqdm(...)
		p := NewParser(Options{})
		all := events(p, bar(0, 10), bar(0, 300), bar(150, 300), bar(300, 300), bar(1, 10), bar(0, 300), bar(10, 300))
		last := all[len(all)-1]
		if last.Epoch != 2 || last.Epochs != 10 || last.Step != 10 || last.Steps != 300 || last.Scope != ScopeEpoch {
			t.Errorf("got %+v, want step 10 of 300 in epoch 2 of 10", last)
		}
	})
}

func TestExactRecordOfTqdm(t *testing.T) {
	env := TqdmEnv()[0]
	format := strings.TrimPrefix(env, "TQDM_BAR_FORMAT=")
	line := strings.NewReplacer("{n}", "63312345678", "{total}", "131000000001", "{elapsed_s}", "12.5",
		"{l_bar}", "a.bam:  48%|", "{bar}", "####8     ", "{r_bar}", "| 63.3G/131G [59:04<1:31:36, 13.1MiB/s]").Replace(format)
	got := parseAll("\r" + line)
	if len(got) != 1 || got[0].Step != 63312345678 || got[0].Steps != 131000000001 {
		t.Errorf("got %+v, want the unrounded counts", got)
	}
}

func TestTerminalProgressSequence(t *testing.T) {
	got := parseAll("\x1b]9;4;1;42\x07")
	if len(got) != 1 || got[0].Step != 42 || got[0].Steps != 100 {
		t.Errorf("got %+v", got)
	}
}

func TestUserPattern(t *testing.T) {
	if err := (Options{Pattern: "x(["}).Validate(); err == nil {
		t.Error("a broken pattern is accepted")
	}
	if err := (Options{Pattern: "x(?P<loss>1)"}).Validate(); err == nil {
		t.Error("a pattern without a counter is accepted")
	}
	p := NewParser(Options{Pattern: `batch=(?P<step>\d+) of=(?P<steps>\d+) l=(?P<loss>\S+)`})
	got := events(p, "~~ batch=7 of=900 l=0.25 ~~\n")
	if len(got) != 1 || got[0].Step != 7 || got[0].Steps != 900 || got[0].Metrics["loss"] != 0.25 || got[0].Guess {
		t.Errorf("got %+v", got)
	}
}

func TestMinedCounterIsAGuess(t *testing.T) {
	p := NewParser(Options{})
	var last Event
	n := 0
	for i := range 40 {
		out := fmt.Sprintf("2026-03-02 12:%02d:%02d [worker %d] crunched %d chunks, queue %d\nwaiting\n", i/60, i%60, i%4, 17*i, (i*7919)%50)
		for _, e := range p.Feed(noon.Add(time.Duration(i)*time.Second), []byte(out)) {
			last = e
			n++
		}
	}
	if n < 30 || !last.Guess || last.Step != 17*39 || last.Source != "mined" {
		t.Errorf("%d events, the last %+v, want a guess of %d", n, last, 17*39)
	}
}

func TestProseIsNoProgress(t *testing.T) {
	for _, line := range []string{
		"Downloading data from https://example.com", "loss 0.3 at steps", "Using cuda:0 device", "Python 3.11.7 (main, Dec  4 2025)",
		"  warnings.warn('lr_scheduler.step() before optimizer.step()')", "model has 124,439,808 parameters",
		`  File "train.py", line 42, in <module>`, "loaded 35762532 examples from: data-bin/train.en-fr.en",
		"Traceback (most recent call last):", "RuntimeError: CUDA error: out of memory", "http://127.0.0.1:8888/?token=abc",
		"2026-03-02 12:00:00,123 INFO Step by step guide", "seed 1234", "100 samples in 5 classes",
	} {
		if got := parseAll(line + "\n"); len(got) != 0 {
			t.Errorf("%q gave %s", line, asJSON(got[0]))
		}
	}
}

func TestAFloodIsBounded(t *testing.T) {
	p := NewParser(Options{})
	chunk := []byte(strings.Repeat("\r 12%|█▎        | 4/32 [00:10<01:12,  2.59s/it]", 500))
	n := 0
	for range 300 { // 8 MB within one second
		n += len(p.Feed(noon, chunk))
	}
	if st := p.Stats(); n > burst*(anyRate+repeatRate)+2000 || st.Passed == 0 {
		t.Errorf("%d events of %d lines, want a bounded number", n, st.Lines)
	}
	last := p.Feed(noon, []byte("\r 25%|█▎        | 8/32 [00:10<01:12,  2.59s/it]\r"))
	if len(last) == 0 {
		last = p.Idle(noon)
	}
	if len(last) != 1 || last[0].Step != 8 {
		t.Errorf("the last state of a flood is %+v, want step 8", last)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	p := NewParser(Options{})
	for _, piece := range []string{"\r", "\b", "x", "\x1b[", "\x1b]0;", "\x1b[1A", "\x1b[1;", "0 1 2 3 "} {
		chunk := []byte(strings.Repeat(piece, 1<<14))
		for range 8 {
			p.Feed(noon, chunk)
		}
	}
	for i := range 2_000 { // ever new templates and bars
		p.Feed(noon.Add(time.Duration(i)*time.Second), fmt.Appendf(nil, "%s%d: 10%%|#| %d/1000 [00:01<00:09, 9.9it/s]\nx%s %d\n", letters(i), i, i%1000, letters(i), i))
	}
	if len(p.line) > maxLine || len(p.ctx.bars) > maxBars || len(p.mined.groups) > maxTemplates {
		t.Errorf("line %d, bars %d, templates %d", len(p.line), len(p.ctx.bars), len(p.mined.groups))
	}
}

func letters(i int) string {
	return string([]byte{'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676%26)})
}

func TestAShorterBarAfterAFullOneIsAValidation(t *testing.T) { // for epoch in ...: tqdm(train); tqdm(val)
	bar := func(n, total int) string {
		return fmt.Sprintf("\r%3d%%|███| %d/%d [00:10<01:12,  2.59s/it]", 100*n/total, n, total)
	}
	p := NewParser(Options{})
	all := events(p, bar(0, 300), bar(100, 300), bar(200, 300), bar(300, 300), bar(0, 40), bar(40, 40), bar(0, 300), bar(10, 300))
	for i, want := range []string{"", "", "", "", Validation, Validation, "", ""} {
		if all[i].Phase != want {
			t.Errorf("bar %d has phase %q, want %q", i, all[i].Phase, want)
		}
	}
	p = NewParser(Options{}) // two stages of one program: the second one lasts
	var chunks []string
	for i := range 60 {
		chunks = append(chunks, bar(min(i*50, 300), 300))
		if i >= 7 {
			chunks[i] = bar(i-7, 100)
		}
	}
	all = events(p, chunks...)
	if last := all[len(all)-1]; last.Phase != "" || last.Steps != 100 {
		t.Errorf("the second stage is %+v, want no validation", last)
	}
}
