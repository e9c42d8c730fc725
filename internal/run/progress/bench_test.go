package progress

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkFlood is a program that writes as fast as it can: most lines are
// passed over.
func BenchmarkFlood(b *testing.B) {
	chunk := []byte(strings.Repeat("\rEpoch 3:  12%|█▎        | 4/32 [00:10<01:12,  2.59s/it, loss=0.123]", 400))
	p := NewParser(Options{})
	b.SetBytes(int64(len(chunk)))
	start := time.Now()
	for b.Loop() {
		p.Feed(start.Add(time.Since(start)), chunk)
	}
}

// BenchmarkReturns is a log of carriage returns alone.
func BenchmarkReturns(b *testing.B) {
	chunk := []byte(strings.Repeat("\r", 1<<16))
	p := NewParser(Options{})
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		p.Feed(noon, chunk)
	}
}

// BenchmarkLine is the cost of one line that is looked at, for a few formats.
// At 1,000 lines a second, 5 microseconds a line are 0.5 % of a core.
func BenchmarkLine(b *testing.B) {
	for name, format := range map[string]string{
		"tqdm":    "\rEpoch 3:  12%%|█▎        | %d/32000 [00:10<01:12,  2.59s/it, loss=0.123]",
		"keras3":  "\r\x1b[1m %d/46900\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m4s\x1b[0m 10ms/step - accuracy: 0.5123 - loss: 1.2345",
		"tv":      "Epoch: [0]  [ %d/50050]  eta: 1:23:45  lr: 0.1  img/s: 123.4  loss: 6.9 (6.9)  time: 0.5123  data: 0.0012  max mem: 5000\n",
		"generic": "2026-03-02 12:00:00,123 INFO step %d loss 0.123 lr 0.001\n",
		"prose":   "2026-03-02 12:00:00,123 INFO worker said %d things about the weather in town\n",
	} {
		b.Run(name, func(b *testing.B) {
			p := NewParser(Options{})
			now := noon
			for i := 0; b.Loop(); i++ {
				now = now.Add(time.Millisecond)
				p.Feed(now, fmt.Appendf(nil, format, i%30000))
			}
		})
	}
}

// BenchmarkThousandLines is one second of a program that prints 1,000 lines a
// second in pieces of ten. %core is processor time, so that a busy machine does
// not count.
func BenchmarkThousandLines(b *testing.B) {
	p := NewParser(Options{})
	now := noon
	var pieces [100][]byte
	for k := range pieces {
		for j := range 10 {
			pieces[k] = fmt.Appendf(pieces[k], "2026-03-02 12:00:00,123 INFO step %d loss 0.123 lr 0.001\n", k*10+j)
		}
	}
	before := processorTime()
	for b.Loop() {
		for _, piece := range pieces {
			now = now.Add(10 * time.Millisecond)
			p.Feed(now, piece)
		}
	}
	b.ReportMetric(100*(processorTime()-before).Seconds()/float64(b.N), "%core")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
