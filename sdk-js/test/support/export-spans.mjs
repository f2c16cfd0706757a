// Export a call of a model and that of a tool by an exporter of OpenTelemetry for JavaScript, which environment variables
// set up. The argument is the exporter: http (JSON), proto or grpc. Prints the trace id.
import { context, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${process.argv[2]}`);
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "js-app" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
const tracer = provider.getTracer("app");
const call = tracer.startSpan("chat", {
  attributes: {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.cache_read.input_tokens": 8,
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.response.finish_reasons": ["tool_calls"],
    "gen_ai.input.messages": JSON.stringify([{ role: "user", parts: [{ type: "text", content: "Mail a@b.example" }] }]),
    "gen_ai.output.messages": JSON.stringify([
      { role: "assistant", parts: [{ type: "tool_call", id: "c1", name: "mail", arguments: { to: "a@b.example" } }] },
    ]),
  },
});
call.end();
const tool = tracer.startSpan(
  "execute_tool mail",
  { attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "mail", "gen_ai.tool.call.id": "c1" } },
  trace.setSpan(context.active(), call),
);
tool.recordException(new Error("no such address"));
tool.setStatus({ code: 2, message: "failed" });
tool.end();
await provider.shutdown();
console.log(call.spanContext().traceId);
