"""A space as a server of the Model Context Protocol: tools, resources and prompts for an agent.

What is offered (`offer`, `tools`, `resources`, `prompts`, `graph_tools`) knows nothing of the protocol's SDK; `server`
joins the two, and `stdio` and `http` carry it. The SDK is the extra ``holdfast[mcp]``.
"""
