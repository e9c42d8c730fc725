package main

import (
	"os"
	"path/filepath"
)

// cacheFolder returns where entropy indexes of data used in place are kept:
// STOKER_CACHE_DIR, else stoker in the user's cache folder. "" is nowhere:
// STOKER_CACHE_DIR=none, or no home.
func cacheFolder() string {
	switch dir := os.Getenv("STOKER_CACHE_DIR"); dir {
	case "none":
		return ""
	case "":
	default:
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "stoker")
}
