//go:build linux

package daemon

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"stoker/internal/engine/enginetest"
	"stoker/internal/wire"
)

// FuzzOpen: whatever an OPEN message holds, it is refused or understood.
func FuzzOpen(f *testing.F) {
	good, err := json.Marshal(request("/data/photos.stk"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"dataset": "/x", "pipeline": {"ops": [{"op": "resize", "size": [1000000, 1000000]}]}, "plan": {"batch_size": -1}}`))
	f.Add([]byte(`{"dataset": "/x", "state": {"version": 1}, "resources": {"workers": 9223372036854775807}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c := client{server: &server{}}
		if o, err := c.options(payload); err == nil && o.Pushed != true {
			t.Errorf("got %+v", o)
		}
	})
}

// FuzzConversation: bytes behind a good OPEN end their connection, soon, and the
// server serves the next client.
func FuzzConversation(f *testing.F) {
	f.Add(wire.AppendRelease(nil, wire.Release{Slot: 0, Generation: 1}))
	f.Add(wire.AppendWait(wire.AppendWait(nil, wire.Wait{Stream: 1, Held: 1 << 31}), wire.Wait{}))
	f.Add(wire.AppendFrame(nil, wire.TypeSeek, []byte(`{"stream":2,"epoch":18446744073709551615,"position":3}`)))
	f.Add(wire.AppendFrame(nil, wire.TypeStats, []byte(`{"epoch":null,"waited_s":-1,"wall_s":1e308}`)))
	f.Add(wire.AppendFrame(nil, wire.TypeIndex, []byte(`{"field":"key","start":9223372036854775807,"count":9223372036854775807}`)))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 255})
	name := start(f, Options{})
	o := request(enginetest.Make(f, enginetest.Options{Samples: 20}))
	hello, err := wire.AppendJSON(nil, wire.TypeHello, wire.Hello{Protocol: wire.Protocol})
	if err == nil {
		hello, err = wire.AppendJSON(hello, wire.TypeOpen, o)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		p, err := dial(name)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if _, err := p.conn.Write(bytes.Join([][]byte{hello, said}, nil)); err != nil {
			return // it was ended while it spoke
		}
		if err := p.conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		for {
			if _, err := p.Read(buf); err != nil {
				if e, ok := err.(interface{ Timeout() bool }); ok && e.Timeout() {
					t.Error("the connection did not end")
				}
				return
			}
		}
	})
}
