//! Rendering (NK03xx).
//!
//! 01-09 which units there are; 10-29 templates; 30-39 variables and outputs; 40-59 objects; 60-69 dependencies.

use super::codes;

codes! {
    UNIT_NOT_DEFINED = "NK0301" Error "unit is listed but not defined";
    UNIT_UNSUPPORTED = "NK0302" Warning "this version cannot apply the unit";
    UNIT_NOT_YET = "NK0303" Info "unit comes with the next promotion";
    UNIT_BROKEN = "NK0304" Error "unit has a broken definition";
    ENVIRONMENT_BROKEN = "NK0305" Error "environment cannot be rendered";
    WORKFLOW_NOT_DEFINED = "NK0306" Error "workflow is listed but not defined";
    SOURCE_EMPTY = "NK0307" Error "unit has no files to render";
    SOURCE_UNREADABLE = "NK0308" Error "file of a unit cannot be read";
    RENDER_FAULT = "NK0309" Error "naksha failed on the unit";

    TEMPLATE_SYNTAX = "NK0310" Error "template cannot be parsed";
    TEMPLATE_FAILED = "NK0311" Error "template failed";
    TEMPLATE_UNDEFINED = "NK0312" Error "undefined variable in a template";
    TEMPLATE_DOLLAR_BRACES = "NK0313" Error "`${{` in a template";
    TEMPLATE_INCLUDE_REFUSED = "NK0314" Error "template includes a file it cannot read";
    TEMPLATE_INCLUDE_LOOP = "NK0315" Error "templates include each other";
    TEMPLATE_OUTPUT_LIMIT = "NK0316" Error "template makes too much text";
    TEMPLATE_TIME_LIMIT = "NK0317" Error "template runs too long";
    TEMPLATE_MEMORY_LIMIT = "NK0318" Error "template uses too much memory";
    TEMPLATE_WORKER = "NK0319" Error "template worker failed";
    TEMPLATE_DYNAMIC_UNITS = "NK0320" Error "template does not say which output it reads";
    RENDERED_YAML = "NK0321" Error "rendered text is not valid YAML";

    EXPRESSION_FAILED = "NK0330" Error "expression cannot be evaluated";
    EXPRESSION_CIRCLE = "NK0331" Error "values refer to each other in a circle";
    OUTPUT_UNKNOWN_YET = "NK0332" Info "unit waits for an output";
    OUTPUT_NOT_DEFINED = "NK0333" Error "output is not defined";

    OBJECT_NOT_A_MAP = "NK0340" Error "manifest is not an object";
    OBJECT_FIELD_MISSING = "NK0341" Error "object lacks a field that identifies it";
    OBJECT_GENERATED_NAME = "NK0342" Error "object asks for a generated name";
    OBJECT_INVALID_NAME = "NK0343" Error "object has an invalid name";
    OBJECT_TEXT_EXPECTED = "NK0344" Error "value of an object must be a string";
    OBJECT_IS_DEFINITION = "NK0345" Error "naksha definition among manifests";
    OBJECT_WAVE = "NK0346" Error "wave is not a whole number";
    OBJECT_TOO_LARGE = "NK0347" Error "object is too large";
    TOO_MANY_OBJECTS = "NK0348" Error "too many objects";
    OBJECT_TWICE = "NK0349" Error "object is wanted twice";
    SECRET_DATA = "NK0350" Error "data of a Secret cannot be read";
    NAMESPACE_ON_CLUSTER_SCOPE = "NK0351" Warning "namespace on a cluster-scoped object";
    SERVER_FIELDS = "NK0352" Info "fields that the server sets are left out";
    UNKNOWN_OBJECT_KIND = "NK0353" Warning "kind or version that Kubernetes does not have";

    DEPENDENCY_CIRCLE_AVOIDED = "NK0360" Info "inferred dependency is left out";
    DEPENDENCY_CIRCLE = "NK0361" Error "units wait for each other";
}
