package coap

import "strings"

// Paths of the content repository (CS API, "Content repository"): what it stores is a file to
// the byte, also where it happens to be JSON.

func isMedia(path string) bool { return strings.Contains(path, "/media/") }

// isUpload reports whether requests for a path bring a file.
func isUpload(path string) bool { return isMedia(path) && strings.Contains(path, "/upload") }

// isDownload reports whether answers for a path are files.
func isDownload(path string) bool {
	return isMedia(path) && (strings.Contains(path, "/download/") || strings.Contains(path, "/thumbnail/"))
}
