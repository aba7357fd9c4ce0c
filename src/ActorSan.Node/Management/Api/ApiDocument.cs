using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace ActorSan.Node.Management.Api;

/// <summary>The OpenAPI 3.1 document: made of the routes themselves at each request, so that it can't tell something else than they do.</summary>
internal static class ApiDocument
{
    public static void Configure(OpenApiOptions document, ManagementOptions options, string version)
    {
        document.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        document.AddDocumentTransformer((api, _, _) =>
        {
            api.Info = new OpenApiInfo
            {
                Title = "ActorSan",
                Version = version,
                Description = "Manages a cluster through any of its nodes. Sizes are bytes, times are UTC (RFC 3339). Errors are problem details (RFC 9457) with a sentence. A change may be repeated: it says how things are to be.",
                License = new OpenApiLicense { Name = "Apache-2.0", Identifier = "Apache-2.0" },
            };
            if (options.Token is not null)
            {
                const string scheme = "token";
                api.Components ??= new OpenApiComponents();
                api.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
                api.Components.SecuritySchemes[scheme] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" };
                api.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, api)] = [] }];
            }

            return Task.CompletedTask;
        });
    }
}
