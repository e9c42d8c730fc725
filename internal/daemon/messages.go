package daemon

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/stats"
	"stoker/internal/transform"
	"stoker/internal/wire"
)

// open starts the session, and after OPENED its pumps.
func (c *client) open(ctx context.Context, payload []byte) error {
	if c.session != nil {
		return errs.New(errs.Invalid, "a second OPEN came; a connection is one session")
	}
	o, err := c.options(payload)
	if err != nil {
		return err
	}
	if c.session, err = engine.Open(ctx, o); err != nil {
		return err
	}
	m, err := opened(c.session)
	if err != nil {
		return err
	}
	if err := c.send(wire.TypeOpened, m); err != nil {
		return err
	}
	c.pump.Go(func() { c.pumpBatches(ctx) })
	c.pump.Go(func() { c.pumpNotices(ctx) })
	return nil
}

// options reads an OPEN message.
func (c *client) options(payload []byte) (engine.Options, error) {
	var m wire.Open
	if err := wire.Decode("OPEN", payload, &m); err != nil {
		return engine.Options{}, err
	}
	o := engine.Options{
		Dataset: m.Dataset, Cache: c.server.Cache, Fields: m.Fields,
		BatchSize: m.Plan.BatchSize, Rank: m.Plan.Rank, WorldSize: m.Plan.WorldSize, Seed: m.Plan.Seed, Shuffle: m.Plan.Shuffle,
		Epoch: m.Start.Epoch, Position: m.Start.Position,
		Workers: m.Resources.Workers, Prefetch: m.Resources.PrefetchBatches, MemoryBytes: m.Resources.MemoryBudgetBytes,
		Budget: c.server.Budget, Pushed: true, Notify: c.notify,
	}
	if !filepath.IsAbs(m.Dataset) {
		return o, errs.New(errs.Invalid, "the dataset's path %q is not absolute; the engine has another working directory", m.Dataset)
	}
	if !isNull(m.State) {
		o.State = m.State
	}
	var err error
	if o.Last, err = plan.ParseLast(m.Plan.LastBatch); err != nil {
		return o, err
	}
	if o.OnBad, err = engine.ParsePolicy(m.OnBadSample); err != nil {
		return o, err
	}
	if !isNull(m.Batching) {
		if o.Batching, err = engine.ParseBatching(m.Batching); err != nil {
			return o, err
		}
	}
	if !isNull(m.Pipeline) {
		if o.Transform, err = transform.ParseSpec(m.Pipeline); err != nil {
			return o, err
		}
	}
	if c.server.openSource != nil {
		o.Source, err = c.server.openSource(m.Dataset)
	}
	return o, err
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// opened describes a session.
func opened(s *engine.Session) (wire.Opened, error) {
	info := s.Info()
	state, err := json.Marshal(info.State)
	m := wire.Opened{
		Samples: info.Samples, Steps: info.Steps, SlotBytes: info.Layout.Bytes, Slots: info.Slots, SlotsMax: info.SlotsMax,
		Fields: []wire.Field{}, Classes: info.Classes, State: state, Workers: info.Workers, MemoryBudgetBytes: info.MemoryBytes,
		DatasetFields: []wire.DatasetField{{Name: "label", Type: string(dataset.Int64)}}, Notices: info.Notices,
		Sequences: s.Source().Manifest().Kind == dataset.KindSequences,
	}
	if m.Classes == nil {
		m.Classes = []string{}
	}
	if m.Notices == nil {
		m.Notices = []string{}
	}
	for _, f := range info.Layout.Fields {
		field := wire.Field{Name: f.Name, Kind: "tensor", DType: f.DType.String(), Shape: f.Shape, Offset: f.Offset}
		if f.Text {
			field = wire.Field{Name: f.Name, Kind: "utf8", Offset: f.Offset, DataOffset: f.DataOffset}
		}
		m.Fields = append(m.Fields, field)
	}
	for _, f := range s.Source().Manifest().Fields {
		m.DatasetFields = append(m.DatasetFields, wire.DatasetField{Name: f.Name, Type: string(f.Type)})
	}
	return m, err
}

// steps answers STEPS.
func (c *client) steps(payload []byte) error {
	var m wire.Steps
	if err := wire.Decode("STEPS", payload, &m); err != nil {
		return err
	}
	n, err := c.session.EpochSteps(m.Epoch)
	if err != nil {
		return err
	}
	return c.send(wire.TypeStepsReply, wire.StepsReply{Epoch: m.Epoch, Steps: n})
}

// stats answers STATS.
func (c *client) stats(payload []byte) error {
	var m wire.Stats
	if err := wire.Decode("STATS", payload, &m); err != nil {
		return err
	}
	measured := engine.Measured{Waited: seconds(m.WaitedS), Wall: seconds(m.WallS)}
	return c.send(wire.TypeStatsReply, Figures(c.session.Stats(m.Epoch, measured)))
}

// seconds reads a number that a client measured.
func seconds(s float64) time.Duration {
	const most = 1e9
	if !(s > 0 && s < most) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// Figures puts a report into its wire form.
func Figures(r engine.Report) wire.StatsReply {
	m := wire.StatsReply{
		Epoch: r.Epoch, Batches: r.Batches, Samples: r.Samples, WallS: r.Wall.Seconds(), WaitedS: r.Waited.Seconds(),
		Workers: r.Workers, Cores: r.Cores, BytesRead: r.BytesRead, RSSBytes: rss(), Slots: r.Slots,
		BadCount: r.BadCount, BadSamples: []wire.BadSample{}, Limit: string(r.Verdict.Limit), Sentence: r.Verdict.Sentence,
	}
	for _, b := range r.BadSamples {
		m.BadSamples = append(m.BadSamples, wire.BadSample(b))
	}
	for i := range stats.Stages {
		t := r.Stages[i]
		m.Stages = append(m.Stages, wire.Stage{Name: i.String(), BusyS: t.Busy.Seconds(), WaitInS: t.WaitIn.Seconds(),
			WaitOutS: t.WaitOut.Seconds(), Items: t.Items})
	}
	return m
}

// An INDEX reply is cut after so many values or bytes of text.
const (
	maxIndexCount = 1 << 16
	maxIndexBytes = 4 << 20
)

// index answers INDEX.
func (c *client) index(payload []byte) error {
	var m wire.Index
	if err := wire.Decode("INDEX", payload, &m); err != nil {
		return err
	}
	source := c.session.Source()
	if m.Start < 0 || m.Count < 0 || m.Start > source.Len() {
		return errs.New(errs.Invalid, "rows %d to %d of a dataset of %d were asked for", m.Start, m.Start+m.Count, source.Len())
	}
	column, err := source.Column(m.Field)
	if err != nil {
		return err
	}
	values := []any{}
	text := 0
	for i := m.Start; i < m.Start+min(m.Count, source.Len()-m.Start, maxIndexCount) && text < maxIndexBytes; i++ {
		v := value(column, i)
		if s, ok := v.(string); ok {
			text += len(s)
		}
		values = append(values, v)
	}
	return c.send(wire.TypeIndexReply, wire.IndexReply{Values: values})
}

// value returns a cell as JSON has it: nil where it is null.
func value(c dataset.Column, i int64) any {
	switch c.Type() {
	case dataset.Int64:
		if v, ok := c.Int64(i); ok {
			return v
		}
	case dataset.Float64:
		if v, ok := c.Float64(i); ok && !math.IsNaN(v) && !math.IsInf(v, 0) { // which JSON has not
			return v
		}
	case dataset.Bool:
		if v, ok := c.Bool(i); ok {
			return v
		}
	case dataset.Utf8:
		if v, ok := c.Bytes(i); ok {
			return string(v)
		}
	}
	return nil
}
