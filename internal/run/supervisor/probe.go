package supervisor

import (
	"context"
	"math"
	"time"

	"stoker/internal/run/account"
	"stoker/internal/run/estimate"
	"stoker/internal/run/hold"
	"stoker/internal/run/sampler"
)

const (
	probeEvery   = 2 * time.Second // the reports of the command's processes are looked at
	accountEvery = 5 * time.Second // the account is written
)

// probe is what the run's processes and the kernel tell about where its time goes.
type probe struct {
	live    *sampler.Live
	mains   []sampler.Report // the newest reports of the processes that train
	looked  time.Time
	written time.Time

	account *account.Accountant // of the attempt that runs
	last    account.Account     // what it said while the command lived
	stop    context.CancelFunc  // ends it; nil when it has ended
	stopped chan struct{}
}

// putSampler makes the sampler part of the command that is about to start. A run
// without it is a run all the same.
func (s *supervisor) putSampler(c *hold.Command) {
	if !s.Spec.Sampler {
		return
	}
	dir := s.Dir.Probe()
	paths, env, err := sampler.Paths(dir)
	if err == nil {
		err = sampler.Prepare(dir)
	}
	if err != nil {
		s.say("this run goes without the sampler: " + err.Error())
		return
	}
	c.Paths, c.Env = paths, append(c.Env, env...)
}

// startProbe follows the attempt's processes from now on.
func (s *supervisor) startProbe(pid int) {
	s.stopProbe()
	s.probe = probe{live: sampler.NewLive(s.Dir.Probe()), account: account.New(pid), stopped: make(chan struct{})}
	var ctx context.Context
	ctx, s.probe.stop = context.WithCancel(context.Background())
	go func(a *account.Accountant, stopped chan struct{}) { // ended by stopProbe
		defer close(stopped)
		a.Run(ctx)
	}(s.probe.account, s.probe.stopped)
}

// stopProbe ends the accounting of an attempt that is over and writes the account.
func (s *supervisor) stopProbe() {
	if s.probe.stop == nil {
		return
	}
	s.takeAccount()
	s.probe.stop()
	<-s.probe.stopped
	s.probe.stop = nil
	s.writeAccount()
}

// takeAccount keeps what the accountant says as long as the process that trains is
// there: without it nothing can be told of it.
func (s *supervisor) takeAccount() {
	if at := s.watch.stepped; !at.IsZero() {
		s.probe.account.Stepped(at)
	}
	if a := s.probe.account.Account(); a.PID > 0 {
		s.probe.last = a
	}
}

// lookProbe takes what the processes newly report.
func (s *supervisor) lookProbe(now time.Time) {
	if s.probe.stop == nil {
		return
	}
	if now.Sub(s.probe.looked) >= probeEvery {
		s.probe.looked = now
		s.probe.mains = s.probe.live.Look()
		s.takeAccount()
	}
	if now.Sub(s.probe.written) >= accountEvery {
		s.probe.written = now
		s.writeAccount()
	}
}

// writeAccount replaces RUN/probe/account.json. It is evidence, not part of the
// run's record: where it cannot be written there is none.
func (s *supervisor) writeAccount() { _ = s.probe.last.Save(s.Dir.Account()) }

// dataWait completes the progress with the share that was measured in the
// processes: it is exact where the script's own lines are rounded, or say nothing.
func (p *probe) dataWait(s *estimate.Status) {
	if share, ok := sampler.DataWait(p.mains); ok {
		s.DataWait = math.Round(1000*share) / 1000
	}
}
