package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/errs"
	"stoker/internal/wire"
)

var rewrite = flag.Bool("rewrite", false, "write the golden frames anew")

// golden frames: NAME.frame holds the bytes, NAME.json what they say. The Python
// client's tests parse the same files.
var golden = []struct {
	name string
	t    wire.Type
	v    any
}{
	{"hello", wire.TypeHello, wire.Hello{Protocol: 1, Version: "0.1.0", PID: 123}},
	{"hello_ok", wire.TypeHelloOK, wire.Hello{Protocol: 1, Version: "0.1.0", PID: 99}},
	{"open", wire.TypeOpen, wire.Open{
		Dataset:  "/data/photos.stk",
		Pipeline: json.RawMessage(`{"ops":[{"op":"horizontal_flip","p":0.5}],"output":{"dtype":"uint8","layout":"NHWC"},"apply_orientation":false}`),
		Fields:   []string{"image", "label", "index"},
		Plan:     wire.Plan{BatchSize: 256, Shuffle: true, Seed: 7, Rank: 1, WorldSize: 2, LastBatch: "keep"},
		State:    json.RawMessage(`null`), Start: wire.Start{Epoch: 3, Position: 512}, OnBadSample: "fail",
	}},
	{"opened", wire.TypeOpened, wire.Opened{
		Samples: 300, Steps: 2, SlotBytes: 4096, Slots: 4, SlotsMax: 12,
		Fields: []wire.Field{{Name: "image", Kind: "tensor", DType: "uint8", Shape: []int{2, 8, 8, 3}},
			{Name: "caption", Kind: "utf8", Offset: 384, DataOffset: 448}},
		Classes: []string{"cat", "dög"}, DatasetFields: []wire.DatasetField{{Name: "label", Type: "int64"}},
		State: json.RawMessage(`{"version":1}`), Workers: 2, MemoryBudgetBytes: 1 << 30, Notices: []string{},
	}},
	{"release", wire.TypeRelease, wire.Release{Slot: 3, Generation: 9}},
	{"slot", wire.TypeSlot, wire.Slot{Slot: 3, Bytes: 38_539_264}},
	{"seek", wire.TypeSeek, wire.Seek{Stream: 2, Epoch: 3, Position: 0}},
	{"batch", wire.TypeBatch, wire.Batch{Slot: 3, Generation: 9, Stream: 1, Rows: 256, Epoch: 5, Step: 1 << 33,
		Position: 1 << 40, Valid: 200, Flags: wire.FlagLast}},
	{"error", wire.TypeError, wire.Error{Kind: errs.Corrupt, KindName: "corrupt", Message: "the checksum is wrong", Hint: "pack it again",
		Path: "/data/photos.stk", Shard: "data-00000.arrow", Offset: 4096, Key: "cat/1.jpg", Fatal: true}},
	{"notice", wire.TypeNotice, wire.Notice{Kind: "held", Message: "the loop keeps 12 batches"}},
	{"wait", wire.TypeWait, wire.Wait{Stream: 2, Held: 5}},
	{"close", wire.TypeClose, struct{}{}},
}

func frame(t *testing.T, typ wire.Type, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case wire.Release:
		return wire.AppendRelease(nil, v)
	case wire.Slot:
		return wire.AppendSlot(nil, v)
	case wire.Batch:
		return wire.AppendBatch(nil, &v)
	case wire.Wait:
		return wire.AppendWait(nil, v)
	}
	b, err := wire.AppendJSON(nil, typ, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGoldenFrames(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "wire")
	for _, g := range golden {
		got := frame(t, g.t, g.v)
		path := filepath.Join(dir, g.name)
		if *rewrite {
			text, err := json.MarshalIndent(map[string]any{"type": g.t, "message": g.v}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			for name, b := range map[string][]byte{path + ".frame": got, path + ".json": append(text, '\n')} {
				if err := os.WriteFile(name, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		want, err := os.ReadFile(path + ".frame")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, want %x (go test ./internal/wire -rewrite, if the protocol's version changed)", g.name, got, want)
		}
	}
}

func TestBinaryMessagesComeBack(t *testing.T) {
	for _, g := range golden {
		b := frame(t, g.t, g.v)
		var buf []byte
		typ, payload, err := wire.ReadFrame(bytes.NewReader(b), &buf)
		if err != nil || typ != g.t {
			t.Fatalf("%s: type %d, %v", g.name, typ, err)
		}
		var got any
		switch typ {
		case wire.TypeRelease:
			got, err = wire.ParseRelease(payload)
		case wire.TypeSlot:
			got, err = wire.ParseSlot(payload)
		case wire.TypeBatch:
			got, err = wire.ParseBatch(payload)
		case wire.TypeWait:
			got, err = wire.ParseWait(payload)
		case wire.TypeOpen:
			var m wire.Open
			err = wire.Decode("OPEN", payload, &m)
			got = m
		default:
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(g.v, got); diff != "" {
			t.Errorf("%s: %s", g.name, diff)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	f := func(name string, b []byte, check func(error) bool) {
		t.Helper()
		var buf []byte
		if _, _, err := wire.ReadFrame(bytes.NewReader(b), &buf); !check(err) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	invalid := func(err error) bool { return errs.Is(err, errs.Invalid) }
	f("nothing", nil, func(err error) bool { return errors.Is(err, io.EOF) })
	f("half a header", []byte{1, 0, 0}, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) })
	f("no payload", []byte{1, 0, 0, 0, 1, 0, 0, 0}, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) })
	f("too long", []byte{1, 0, 0, 1, 1, 0, 0, 0}, invalid)
	f("another protocol", []byte("GET / HTTP/1.1\r\n\r\n"), invalid)
	f("reserved bits", []byte{0, 0, 0, 0, 1, 0, 1, 0}, invalid)
}

func TestUnknownMembersAreErrors(t *testing.T) {
	var m wire.Seek
	if err := wire.Decode("SEEK", []byte(`{"stream":1,"epcoh":2}`), &m); !errs.Is(err, errs.Invalid) {
		t.Errorf("error is %v", err)
	}
	if err := wire.Decode("SEEK", []byte(`{"stream":1} {}`), &m); !errs.Is(err, errs.Invalid) {
		t.Errorf("error is %v", err)
	}
}

func TestErrorsCross(t *testing.T) {
	err := errs.New(errs.Corrupt, "the checksum is wrong").WithHint("run stoker verify").InShard("data-00000.arrow", 12, "a.jpg")
	m := wire.FromError(err, true)
	back := m.Err()
	if !errs.Is(back, errs.Corrupt) || errs.HintOf(back) != "run stoker verify" || back.Error() != err.Error() {
		t.Errorf("got %v of %+v", back, m)
	}
}

func FuzzReadFrame(f *testing.F) {
	for _, g := range golden {
		b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "wire", g.name+".frame"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var buf []byte
		for {
			typ, payload, err := wire.ReadFrame(r, &buf)
			if err != nil {
				return
			}
			if len(payload) > wire.MaxPayload {
				t.Fatalf("payload of %d bytes", len(payload))
			}
			switch typ {
			case wire.TypeBatch:
				if m, err := wire.ParseBatch(payload); err == nil && !bytes.Equal(wire.AppendBatch(nil, &m)[wire.HeaderSize:], payload) {
					t.Errorf("%+v is not %x", m, payload)
				}
			case wire.TypeOpen:
				var m wire.Open
				if wire.Decode("OPEN", payload, &m) == nil {
					if _, err := wire.AppendJSON(nil, typ, m); err != nil {
						t.Errorf("%+v cannot be written: %v", m, err)
					}
				}
			}
		}
	})
}
