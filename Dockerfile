# Holdfast over MCP (HTTP), from wheels that `make wheels` built:
#   make wheels && docker build --tag holdfast .
#   docker run --rm --publish 127.0.0.1:8765:8765 --volume holdfast:/data --env HOLDFAST_MCP_TOKEN holdfast
FROM python:3.12-slim AS build
COPY dist/*.whl /wheels/
RUN python -m venv /opt/holdfast \
    && /opt/holdfast/bin/pip install --no-cache-dir --no-compile \
       "holdfast[mcp,encryption] @ file://$(ls /wheels/holdfast-*.whl)" /wheels/holdfast_minilm-*.whl \
    && /opt/holdfast/bin/pip uninstall --yes pip

FROM python:3.12-slim
COPY --from=build /opt/holdfast /opt/holdfast
RUN useradd --uid 10001 --user-group --no-create-home holdfast \
    && install --directory --owner=holdfast --group=holdfast --mode=0700 /data
ENV PATH=/opt/holdfast/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOLDFAST_DB=/data/memory.db \
    ORT_DISABLE_TELEMETRY=1
USER holdfast
WORKDIR /data
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8765), 3).close()"]
ENTRYPOINT ["holdfast"]
# Beyond its own loopback it asks for a token: HOLDFAST_MCP_TOKEN, or --token-file.
CMD ["mcp", "--http", "0.0.0.0:8765"]
