"""The HTML report: one file that opens without a network.

`writer` gathers rows and renders the template, `data` packs tables for the page's script,
`story` says what stands out, `drawing` and `sections` draw. The style, the script and the
template are beside them; vendor/ has uPlot.
"""
