package prices

import (
	"fmt"
	"slices"
	"strings"
)

// hardware is a machine's description, taken apart.
type hardware struct {
	cpus int
	cpu  string
	gib  float64
	gpus []string
}

// parse reads "8 x AMD EPYC, 31 GiB, Tesla T4, Tesla T4". Without its leading
// number the text is the name of a device, as a person would write it.
func parse(machine string) hardware {
	var h hardware
	for i, part := range strings.Split(machine, ",") {
		part = strings.TrimSpace(part)
		var gib float64
		switch _, err := fmt.Sscanf(part, "%f GiB", &gib); {
		case part == "":
		case err == nil:
			h.gib = gib
		case i == 0 && leading(part, &h):
		default:
			h.gpus = append(h.gpus, part)
		}
	}
	return h
}

func leading(part string, h *hardware) bool {
	count, name, ok := strings.Cut(part, " x ")
	if n, _ := fmt.Sscanf(count, "%d", &h.cpus); !ok || n != 1 {
		return false
	}
	h.cpu = name
	return true
}

// fits reports whether m is this hardware. With GPUs these alone count, and all
// must be of the same kind.
func (m Machine) fits(h hardware) bool {
	if len(h.gpus) > 0 {
		return len(m.GPUs) > 0 && !slices.ContainsFunc(h.gpus, func(g string) bool { return !m.isGPU(g) })
	}
	if h.cpus == 0 || !slices.ContainsFunc(m.CPUs, func(c string) bool { return strings.EqualFold(c, h.cpu) }) {
		return false
	}
	// A machine reports less memory than it is sold with: firmware and kernel.
	return m.GiBPerCPU == 0 || h.gib > 0.8*m.GiBPerCPU*float64(h.cpus) && h.gib < 1.2*m.GiBPerCPU*float64(h.cpus)
}

func (m Machine) isGPU(name string) bool {
	bare := func(s string) string { return strings.TrimPrefix(strings.ToLower(s), "nvidia ") }
	return slices.ContainsFunc(m.GPUs, func(g string) bool { return bare(g) == bare(name) })
}

// count is how many units of m the hardware is.
func (m Machine) count(h hardware) int {
	switch {
	case len(m.GPUs) > 0:
		return len(h.gpus)
	case m.Price > 0:
		return 1
	}
	return h.cpus
}
