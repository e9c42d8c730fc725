package client

import (
	"stoker/internal/errs"
	"stoker/internal/run/link"
	"stoker/internal/run/rundir"
)

// Stop asks the run's supervisor for the run's end and waits for it. say gets
// what the supervisor tells meanwhile. A run that ends by itself before anybody is
// reached, or whose supervisor leaves in the middle of a sentence, has ended as well.
func Stop(d rundir.Dir, req link.Stop, say func(string)) (rundir.End, error) {
	end, err := askToStop(d, req, say)
	if err != nil {
		if known := endOf(d); known != nil {
			return *known, nil
		}
	}
	return end, err
}

func askToStop(d rundir.Dir, req link.Stop, say func(string)) (rundir.End, error) {
	var end rundir.End
	conn, err := link.Dial(d.Sock())
	if err != nil {
		return end, err
	}
	defer conn.Close()
	if err := conn.WriteJSON(link.ClientHello, link.Greeting{Version: link.Version, Attach: true}); err != nil {
		return end, errs.New(errs.Transient, "stop: %w", err)
	}
	if err := conn.WriteJSON(link.ClientStop, req); err != nil {
		return end, errs.New(errs.Transient, "stop: %w", err)
	}
	for {
		kind, p, err := conn.Read()
		if err != nil {
			return end, errs.New(errs.Transient, "the run's supervisor left: %w", err)
		}
		switch kind {
		case link.Message:
			say(string(p))
		case link.Ended:
			link.DecodeJSON(p, &end)
			return end, nil
		}
	}
}
