package main

import (
	"sync"

	"stoker/internal/run/procs"
)

// machineHere describes this machine as the history does.
var machineHere = sync.OnceValue(func() string {
	text, _ := procs.Machine()
	return text
})
