package calibrate

import (
	"os"
	"strconv"
	"strings"
	"time"

	"stoker/internal/sysinfo"
)

// looked is the machine's clock of work at one moment. Seconds of all cores.
type looked struct {
	at          time.Time
	busy, steal float64 // of the whole machine; 0 where /proc/stat does not tell
	own         float64 // of this process and its helper
	cpus        int
}

// ticks are the units of /proc/stat: USER_HZ, 100 on every Linux.
const ticks = 100

// look reads the clock. helper is a process that works for this one, 0 for none.
func look(helper int) looked {
	raw, _ := os.ReadFile("/proc/stat")
	l := parseStat(string(raw))
	l.at, l.own = time.Now(), sysinfo.ProcessCPU().Seconds()+helperSeconds(helper)
	return l
}

// helperSeconds is the processor time that a process has taken: the fields utime
// and stime behind the name, see proc_pid_stat(5).
func helperSeconds(pid int) float64 {
	if pid == 0 {
		return 0
	}
	raw, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(raw), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / ticks
}

// parseStat reads the lines of the processors; see proc(5).
func parseStat(stat string) (l looked) {
	for line := range strings.Lines(stat) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || !strings.HasPrefix(f[0], "cpu"):
		case f[0] != "cpu":
			l.cpus++
		default:
			for i, text := range f[1:min(len(f), 9)] {
				n, _ := strconv.ParseFloat(text, 64)
				switch i {
				case 3, 4: // idle, waiting for disks
				case 7:
					l.steal += n / ticks
				default:
					l.busy += n / ticks
				}
			}
		}
	}
	return l
}

// Load is what others did to the machine while something was measured.
type Load struct {
	Others float64 `json:"others"` // cores that other processes kept busy
	Steal  float64 `json:"steal"`  // cores' time that the hypervisor gave to other machines
	Own    float64 `json:"own"`    // cores that the measurement kept busy
	CPUs   int     `json:"cpus"`
}

// until returns the load between two looks.
func (l looked) until(m looked) Load {
	wall := m.at.Sub(l.at).Seconds()
	if wall <= 0 || m.cpus == 0 {
		return Load{CPUs: m.cpus}
	}
	own := (m.own - l.own) / wall
	return Load{Own: own, Others: max(0, (m.busy-l.busy)/wall-own), Steal: max(0, (m.steal-l.steal)/wall), CPUs: m.cpus}
}

// A block is disturbed where others work, or the hypervisor took cores, by more
// than the tolerated share of all, and the two together leave hardly a core idle.
const (
	tolerated = 0.04
	crowded   = 0.9
)

func (l Load) disturbs(cores int) bool {
	if l.CPUs == 0 {
		return false
	}
	all := float64(l.CPUs)
	return l.Steal > tolerated*all || l.Others > tolerated*all && l.Others+float64(cores) > crowded*all
}

// fair returns the rate of work that is all computing as it would have been had
// nobody taken cores from it: half of the processor time makes half of the work.
// full is how many cores it keeps busy undisturbed.
func (l Load) fair(rate, full float64) float64 {
	if l.Others+l.Steal <= tolerated*float64(l.CPUs) || l.Own <= 0 {
		return rate
	}
	return rate * max(1, full/l.Own)
}

// noteLoad says how calm the machine was.
func (c *calibrator) noteLoad() {
	l := c.report.Load
	if l.CPUs == 0 {
		c.note("this system does not tell its load: whether others disturbed the measurement is not known")
		return
	}
	var dropped int
	for _, r := range c.report.Rows {
		dropped += r.Value.Dropped
	}
	if dropped > 0 {
		c.note("%d blocks were measured again, since others or the hypervisor took the cores meanwhile", dropped)
	}
}
