package sampler

import (
	"os"
	"path/filepath"
	"time"
)

// Live follows the reports of a run that goes on, cheaply: it reads a file again
// only when it has changed, and those of workers never.
type Live struct {
	dir   string
	known map[int]*seen
}

type seen struct {
	at     time.Time
	worker bool
	report Report
}

// NewLive follows the reports in dir.
func NewLive(dir string) *Live { return &Live{dir: dir, known: map[int]*seen{}} }

// Look returns what the training processes newly report; none where there are no
// reports (yet).
func (l *Live) Look() []Report {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil
	}
	var reports []Report
	for _, e := range entries {
		pid, ok := reportPID(e.Name())
		if !ok || len(reports) == maxReports {
			continue
		}
		s := l.known[pid]
		if s != nil && s.worker {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		if s == nil || !s.at.Equal(info.ModTime()) {
			r, err := readOne(filepath.Join(l.dir, e.Name()))
			if err != nil || r.PID != pid {
				continue
			}
			s = &seen{at: info.ModTime(), worker: r.Role == RoleWorker, report: r}
			if len(l.known) < maxReports {
				l.known[pid] = s
			}
		}
		if !s.worker {
			reports = append(reports, s.report)
		}
	}
	return Main(reports)
}

// DataWait is the largest share of the newest steps that any of the training
// processes waited for data: in a distributed run the others then wait for it.
func DataWait(mains []Report) (share float64, ok bool) {
	for _, r := range mains {
		if s, known := r.Steps.LiveShare(); known {
			share, ok = max(share, s), true
		}
	}
	return share, ok
}
