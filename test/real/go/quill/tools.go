//go:build tools
package tools
import _ "github.com/anchore/quill/cmd/quill"
