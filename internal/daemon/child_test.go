//go:build linux

package daemon

// childVariable makes the test binary play a client or an engine of its own.
const childVariable = "STOKER_TEST_CHILD"

func child() {}
