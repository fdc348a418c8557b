package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart compares series over rows by points on a logarithmic scale: a point further
// left is better.
type chart struct {
	title  string
	scale  []plot.Tick // of the values, ascending
	rows   []string    // from top to bottom
	series []series
}

// series is what one manner of carrying costs.
type series struct {
	name   string
	values []float64 // by row; NaN and zero are not drawn, +Inf is a failure
	color  color.Color
	shape  draw.GlyphDrawer
}

// Colours that are legible on white and on black.
var (
	blue   = color.NRGBA{0x2f, 0x81, 0xf7, 0xff}
	orange = color.NRGBA{0xdb, 0x6d, 0x28, 0xff}
	grey   = color.NRGBA{0x80, 0x88, 0x90, 0xff}
	faint  = color.NRGBA{0x80, 0x88, 0x90, 0x50}
)

// Sizes of a figure.
const (
	width     = 480 * vg.Inch / 72
	rowHeight = 15 * vg.Inch / 72
	// legendRows is the room of the legend, margin that of title and axis.
	legendRows = 3
	margin     = (legendRows*15 + 40) * vg.Inch / 72
	gap        = 4 * vg.Inch / 72 // around the figure
	textSize   = 10
	pointSize  = 3.5 * vg.Inch / 72
)

// svg draws the chart.
func (c chart) svg() ([]byte, error) {
	p, err := c.plot()
	if err != nil {
		return nil, err
	}
	canvas := vgsvg.New(width, c.height())
	p.Draw(draw.Crop(draw.New(canvas), gap, -gap, gap, -gap))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	// Few readers have the font, whose measures are those of Arial.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

func (c chart) height() vg.Length { return vg.Length(len(c.rows))*rowHeight + margin }

// plot lays the chart out.
func (c chart) plot() (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.Title.Text = c.title
	text := func(style *draw.TextStyle) {
		style.Font, style.Color = font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize}, grey
	}
	text(&p.Title.TextStyle)
	text(&p.Legend.TextStyle)
	p.Title.TextStyle.Font.Size = textSize + 2
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		text(&axis.Tick.Label)
		axis.LineStyle.Width, axis.Tick.LineStyle.Width = 0, 0
	}
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, textSize
	p.Legend.ThumbnailWidth = 1.5 * textSize

	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(c.scale)
	p.X.Min, p.X.Max = c.scale[0].Value, c.scale[len(c.scale)-1].Value
	labels := make([]plot.Tick, len(c.rows))
	for i, name := range c.rows {
		labels[i] = plot.Tick{Value: c.y(i), Label: name}
	}
	p.Y.Tick.Marker = plot.ConstantTicks(labels)
	p.Y.Min, p.Y.Max = c.y(len(c.rows)), c.y(-1-legendRows)

	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	grid.Vertical.Width, grid.Horizontal.Width = 0.5, 0.5
	p.Add(grid)
	return p, c.draw(p)
}

// draw adds the points, those of the first series on top, and the legend.
func (c chart) draw(p *plot.Plot) error {
	var last *plotter.Scatter // of failures
	for _, s := range slices.Backward(c.series) {
		points, failures, err := c.points(p, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		p.Add(points)
		if len(failures.XYs) > 0 {
			p.Add(failures)
			last = failures
		}
	}
	for _, s := range c.series {
		p.Legend.Add(s.name, &plotter.Scatter{GlyphStyle: s.style(s.shape)})
	}
	if last != nil {
		p.Legend.Add("fails", last)
	}
	return nil
}

// y is where row i stands.
func (c chart) y(i int) float64 { return float64(len(c.rows) - i) }

// style is how a series looks.
func (s series) style(shape draw.GlyphDrawer) draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.color, Radius: pointSize, Shape: shape}
}

// points returns the points of a series, and its failures at the right.
func (c chart) points(p *plot.Plot, s series) (points, failures *plotter.Scatter, err error) {
	points = &plotter.Scatter{GlyphStyle: s.style(s.shape)}
	failures = &plotter.Scatter{GlyphStyle: s.style(draw.CrossGlyph{})}
	for i, v := range s.values {
		switch {
		case math.IsInf(v, 1):
			failures.XYs = append(failures.XYs, plotter.XY{X: p.X.Max / 1.2, Y: c.y(i)})
		case v > 0: // nothing has no place on the scale
			if v < p.X.Min || v > p.X.Max {
				return nil, nil, fmt.Errorf("%g is not on the scale", v)
			}
			points.XYs = append(points.XYs, plotter.XY{X: v, Y: c.y(i)})
		}
	}
	return points, failures, nil
}
