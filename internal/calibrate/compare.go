package calibrate

import (
	"cmp"
	"strings"

	"stoker/internal/run/forecast"
)

// Forecast returns what the report says to a forecast about the machine. The data
// are said to be in memory where they fitted: those of another run may not.
func (r *Report) Forecast() forecast.Machine {
	m := forecast.Machine{Name: r.Host, Key: r.MachineKey, Device: "CPU", MeanBytes: r.Data.MeanBytes,
		Feed:      cmp.Or(r.Mid("decode.reference"), r.Mid("decode.all")), // without data the made pictures are all
		DiskFiles: max(r.Mid("disk.cold.deep"), r.Mid("disk.cold.one")), InMemory: r.Data.Fits,
		Products: map[string]float64{}, Copy: r.Mid("compute.copy")}
	m.DiskBytes = m.DiskFiles * r.Data.MeanBytes
	for _, row := range r.Rows {
		if kind, ok := strings.CutPrefix(row.ID, "compute.matmul."); ok {
			m.Products[kind] = row.Value.Mid
		}
	}
	if r.Compute != nil && r.Compute.GPU {
		m.Device, m.GPU = r.Compute.Device, true
	}
	return m
}
