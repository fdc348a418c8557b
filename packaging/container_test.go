package packaging_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const containerfile = "container/Containerfile"

// buildah runs buildah with all that it stores in dir.
func buildah(t *testing.T, dir string, args ...string) string {
	t.Helper()
	store := []string{"--storage-driver", "vfs", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run")}
	c := exec.CommandContext(t.Context(), "buildah", append(store, args...)...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	require.NoError(t, err, "buildah %s: %s", strings.Join(args, " "), stderr.String())
	return strings.TrimSpace(string(out))
}

// The image is built as the container file says, has what it says and nothing else,
// and its program runs there, as nobody.
func TestContainer(t *testing.T) {
	context, store := t.TempDir(), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "-C", "..", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(context, "coapgw"), "./cmd/coapgw")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	authorities, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(context, "ca-certificates.crt"), authorities, 0o644))
	buildah(t, store, "build", "--isolation", "chroot", "--layers=false", "--tag", "coapgw", "--file", containerfile, context)

	var image struct {
		OCIv1 struct {
			Config struct {
				User            string
				ExposedPorts    map[string]struct{}
				Entrypoint, Cmd []string
			} `json:"config"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(buildah(t, store, "inspect", "--type", "image", "coapgw")), &image))
	config := image.OCIv1.Config
	assert.Equal(t, "65532:65532", config.User)
	assert.Equal(t, map[string]struct{}{"5684/udp": {}}, config.ExposedPorts)
	assert.Equal(t, []string{"/coapgw"}, config.Entrypoint)
	assert.Equal(t, []string{"serve"}, config.Cmd)

	container := buildah(t, store, "from", "coapgw")
	root := os.DirFS(buildah(t, store, "mount", container))
	files, err := filesBelow(root)
	require.NoError(t, err)
	assert.Equal(t, []string{"coapgw", "etc/ssl/certs/ca-certificates.crt"}, files)
	assert.Contains(t, buildah(t, store, "run", "--isolation", "chroot", container, "--", "/coapgw", "version"), "wire versions 1 and 2")
	buildah(t, store, "rm", container)
}

// filesBelow returns the names of all that is no directory.
func filesBelow(root fs.FS) (files []string, err error) {
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, name)
		}
		return err
	})
	return files, err
}
